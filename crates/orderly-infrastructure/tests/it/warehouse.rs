//! Stock as people see it.

use std::time::Duration;

use orderly_contracts::{ProductId, Tenant};
use orderly_inventory::{StockView, domain::Stock};

use crate::stage::{Stage, tenant};

pub(crate) async fn open(stage: &Stage, tenant: &Tenant, opening: &[(i64, i64)]) {
    let opening: Vec<_> = opening.iter().map(|&(product, units)| (ProductId(product), units)).collect();
    stage.commit_of(tenant, async |tx| stage.ports.warehouse.open(tx, &opening).await).await;
}

/// Product, available and reserved units of all that there is.
pub(crate) async fn levels(stage: &Stage, tenant: &Tenant) -> Vec<(i64, i64, i64)> {
    let levels = stage.ports.warehouse.levels(tenant, None, 1_000).await.unwrap();
    levels.iter().map(|level| (level.product.0, level.stock.available(), level.stock.reserved())).collect()
}

pub(crate) async fn opening_stock_is_set_once(stage: &Stage) {
    open(stage, &tenant(), &[(2, 20), (1, 10)]).await;
    let opened_at = stage.now();
    stage.wind(Duration::from_secs(1)).await;
    open(stage, &tenant(), &[(3, 30), (1, 99)]).await;
    assert_eq!(levels(stage, &tenant()).await, [(1, 10, 0), (2, 20, 0), (3, 30, 0)]);
    let first = stage.ports.warehouse.levels(&tenant(), None, 1).await.unwrap();
    let stock = Stock::new(10, 0, 0).unwrap();
    assert_eq!(first, [StockView { product: ProductId(1), stock, updated_at: opened_at }]);
}

pub(crate) async fn stock_comes_page_by_page(stage: &Stage) {
    open(stage, &tenant(), &[(1, 10), (2, 20), (3, 30)]).await;
    let page = async |after: i64| {
        let page = stage.ports.warehouse.levels(&tenant(), Some(ProductId(after)), 2).await.unwrap();
        page.iter().map(|level| level.product.0).collect::<Vec<_>>()
    };
    assert_eq!(page(0).await, [1, 2]);
    assert_eq!(page(2).await, [3]);
    assert_eq!(page(3).await, [0; 0]);
}

pub(crate) async fn only_what_is_known_is_available(stage: &Stage) {
    open(stage, &tenant(), &[(1, 10), (2, 20)]).await;
    let asked = [ProductId(404), ProductId(2)];
    let available = stage.ports.stock_levels.available(&tenant(), &asked).await.unwrap();
    assert_eq!(available.into_iter().collect::<Vec<_>>(), [(ProductId(2), 20)]);
}
