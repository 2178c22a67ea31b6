//! Products.

use orderly_catalog::NewProduct;
use orderly_contracts::{Currency, Money, ProductId, Tenant, catalog::ProductView};

use crate::stage::{Stage, tenant};

fn product(sku: &str, minor: i64) -> NewProduct {
    let name = format!("The {sku} — \"fine\"");
    NewProduct { sku: sku.parse().unwrap(), name, price: Money::new(minor, Currency::GBP) }
}

pub(crate) async fn add(stage: &Stage, tenant: &Tenant, products: &[(&str, i64)]) -> Vec<ProductId> {
    let products: Vec<_> = products.iter().map(|(sku, minor)| product(sku, *minor)).collect();
    stage.commit_of(tenant, async |tx| stage.ports.products.add(tx, &products).await).await
}

pub(crate) async fn products_are_numbered_in_the_order_given(stage: &Stage) {
    let ids = add(stage, &tenant(), &[("MUG", 250), ("85123A", 295), ("CUP", 199)]).await;
    assert_eq!(ids.len(), 3);
    assert!(ids.is_sorted());
    let page = stage.ports.products.products(&tenant(), None, 10).await.unwrap();
    let seen: Vec<_> =
        page.iter().map(|product| (product.id(), product.sku().as_str(), product.price().minor)).collect();
    assert_eq!(seen, [(ids[0], "MUG", 250), (ids[1], "85123A", 295), (ids[2], "CUP", 199)]);
    assert_eq!(page[0].name(), "The MUG — \"fine\"");
}

pub(crate) async fn adding_again_changes_nothing(stage: &Stage) {
    let first = add(stage, &tenant(), &[("MUG", 250), ("CUP", 199)]).await;
    let second = add(stage, &tenant(), &[("POT", 999), ("CUP", 1), ("MUG", 1), ("CUP", 2)]).await;
    assert_eq!(second[1..], [first[1], first[0], first[1]]);
    let page = stage.ports.products.products(&tenant(), None, 10).await.unwrap();
    let prices: Vec<_> = page.iter().map(|product| product.price().minor).collect();
    assert_eq!(prices, [250, 199, 999]);
}

pub(crate) async fn products_come_page_by_page(stage: &Stage) {
    let ids = add(stage, &tenant(), &[("A", 1), ("B", 2), ("C", 3)]).await;
    let page = async |after| {
        let page = stage.ports.products.products(&tenant(), after, 2).await.unwrap();
        page.iter().map(|product| product.id()).collect::<Vec<_>>()
    };
    assert_eq!(page(None).await, ids[..2]);
    assert_eq!(page(Some(ids[1])).await, ids[2..]);
    assert_eq!(page(Some(ids[2])).await, []);
}

pub(crate) async fn only_what_is_asked_for_and_known_is_answered(stage: &Stage) {
    let ids = add(stage, &tenant(), &[("A", 1), ("B", 2)]).await;
    let found = stage.ports.catalog.products(&tenant(), &[ProductId(404), ids[1], ids[1]]).await.unwrap();
    let b = ProductView {
        id: ids[1],
        sku: "B".to_owned(),
        name: "The B — \"fine\"".to_owned(),
        price: Money::new(2, Currency::GBP),
    };
    assert_eq!(found.into_values().collect::<Vec<_>>(), [b]);
    assert!(stage.ports.catalog.products(&tenant(), &[]).await.unwrap().is_empty());
}
