//! Stock as people see it.

use std::time::Duration;

use orderly_contracts::{OrderId, ProductId, Tenant};
use orderly_inventory::{
    MovementView, StockView,
    domain::{Movement, MovementKind, Stock},
};
use wharf::Verdict;

use crate::{
    stage::{Stage, tenant},
    stockroom,
};

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

const MUG: ProductId = ProductId(1);

/// Writes stock of the mug, as the use cases do.
pub(crate) async fn put(stage: &Stage, tenant: &Tenant, stock: (i64, i64, i64), movement: Option<&Movement>) {
    let put = async |tx: &mut _| {
        stage.ports.stockroom.stock(tx, &[MUG]).await?;
        let (available, reserved, reorder_level) = stock;
        let stock = Stock::new(available, reserved, reorder_level).unwrap();
        stage.ports.warehouse.put(tx, MUG, stock, movement).await
    };
    stage.commit_of(tenant, put).await;
}

fn received(units: i64, reference: &str) -> Movement {
    Movement { kind: MovementKind::Received, units, reference: Some(reference.to_owned()) }
}

pub(crate) async fn what_was_put_is_read(stage: &Stage) {
    open(stage, &tenant(), &[(1, 10), (2, 20)]).await;
    stockroom::hold(stage, &tenant(), OrderId(1), &[(1, 4)]).await;
    stage.wind(Duration::from_secs(1)).await;
    put(stage, &tenant(), (26, 4, 7), Some(&received(20, "DN-1"))).await;
    let level = stage.ports.warehouse.level(&tenant(), MUG).await.unwrap().unwrap();
    let stock = Stock::new(26, 4, 7).unwrap();
    assert_eq!(level, StockView { product: MUG, stock, updated_at: stage.now() });
    assert_eq!(levels(stage, &tenant()).await, [(1, 26, 4), (2, 20, 0)]);
    assert_eq!(stage.ports.warehouse.level(&tenant(), ProductId(404)).await.unwrap(), None);
}

/// Whoever writes stock without having taken it first does not undo what an order did meanwhile.
pub(crate) async fn what_was_reserved_meanwhile_is_not_written_over(stage: &Stage) {
    open(stage, &tenant(), &[(1, 10)]).await;
    stockroom::hold(stage, &tenant(), OrderId(1), &[(1, 4)]).await;
    let mut work = stage.begin();
    let stock = Stock::new(12, 0, 0).unwrap();
    let failure = stage.ports.warehouse.put(&mut work.tx, MUG, stock, None).await.unwrap_err();
    assert_eq!(failure.verdict(), Verdict::Retry);
    work.rollback().await.unwrap();
    assert_eq!(levels(stage, &tenant()).await, [(1, 6, 4)]);
}

pub(crate) async fn movements_come_newest_first_page_by_page(stage: &Stage) {
    open(stage, &tenant(), &[(1, 10), (2, 20)]).await;
    let opened_at = stage.now();
    stage.wind(Duration::from_secs(1)).await;
    put(stage, &tenant(), (15, 0, 0), Some(&received(5, "DN-1"))).await;
    let order = OrderId(7);
    stockroom::hold(stage, &tenant(), order, &[(1, 2)]).await;
    stage.commit(async |tx| stage.ports.stockroom.take_out(tx, order).await).await;
    let page = async |before| stage.ports.warehouse.movements(&tenant(), MUG, before, 2).await.unwrap();
    let first = page(None).await;
    let told = |movement: &MovementView| {
        let MovementView { kind, units, order, ref reference, moved_at, .. } = *movement;
        (kind, units, order, reference.clone(), moved_at)
    };
    assert_eq!(
        first.iter().map(told).collect::<Vec<_>>(),
        [
            (MovementKind::Shipped, -2, Some(order), None, stage.now()),
            (MovementKind::Received, 5, None, Some("DN-1".to_owned()), stage.now()),
        ]
    );
    let second = page(Some(first[1].number)).await;
    assert_eq!(second.iter().map(told).collect::<Vec<_>>(), [(MovementKind::Received, 10, None, None, opened_at)]);
    assert_eq!(page(Some(second[0].number)).await, []);
}

pub(crate) async fn a_receipt_is_found_under_its_reference_and_made_once(stage: &Stage) {
    open(stage, &tenant(), &[(1, 10), (2, 20)]).await;
    put(stage, &tenant(), (15, 0, 0), Some(&received(5, "DN-1"))).await;
    let adjusted = Movement { kind: MovementKind::Adjusted, units: -1, reference: Some("COUNT-1".to_owned()) };
    put(stage, &tenant(), (14, 0, 0), Some(&adjusted)).await;
    let receipt = async |product, reference| {
        stage.commit(async |tx| stage.ports.warehouse.receipt(tx, ProductId(product), reference).await).await
    };
    assert_eq!(receipt(1, "DN-1").await, Some(5));
    assert_eq!(receipt(2, "DN-1").await, None, "one note may list several products");
    assert_eq!(receipt(1, "COUNT-1").await, None, "a count is no receipt");
    let mut work = stage.begin();
    let stock = Stock::new(19, 0, 0).unwrap();
    stage.ports.warehouse.put(&mut work.tx, MUG, stock, Some(&received(5, "DN-1"))).await.unwrap_err();
    work.rollback().await.unwrap();
    assert_eq!(levels(stage, &tenant()).await, [(1, 14, 0), (2, 20, 0)]);
}

pub(crate) async fn what_is_low_is_found_and_counted(stage: &Stage) {
    open(stage, &tenant(), &[(1, 10), (2, 0), (3, 30), (4, 0)]).await;
    put(stage, &tenant(), (10, 0, 10), None).await;
    let low = async |after: i64, limit| {
        let low = stage.ports.warehouse.low(&tenant(), Some(ProductId(after)), limit).await.unwrap();
        low.iter().map(|level| level.product.0).collect::<Vec<_>>()
    };
    assert_eq!(low(0, 2).await, [1, 2]);
    assert_eq!(low(2, 2).await, [4]);
    assert_eq!(stage.ports.warehouse.count_low(&tenant()).await.unwrap(), 3);
    put(stage, &tenant(), (11, 0, 10), Some(&received(1, "DN-1"))).await;
    assert_eq!(low(0, 9).await, [2, 4]);
    assert_eq!(stage.ports.warehouse.count_low(&tenant()).await.unwrap(), 2);
}
