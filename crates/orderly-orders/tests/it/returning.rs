//! Taking items back, on the memory engine.

use orderly_contracts::{CustomerId, OrderId, ProductId, Quantity, ReturnFate, ReturnNumber, orders::Line};
use orderly_orders::{
    Ports, ReturnError, ReturnItems, Returned, StoredOrder,
    domain::{OrderStatus, ReturnDraft, ReturnDraftLine},
    return_items,
};
use wharf::{Tenant, testing::Harness};

use crate::shop::{FakeBook, open, placed};

const ORDER: OrderId = OrderId(7);

/// An order of so many lamps.
fn lamps(book: &FakeBook, units: i64, status: OrderStatus) {
    let lines = vec![Line { product: ProductId(1), quantity: Quantity::new(units).unwrap() }];
    book.put(StoredOrder { placed: orderly_contracts::orders::PlacedOrder { lines, ..placed(ORDER) }, status });
}

fn wanted(reference: &str, units: i64) -> ReturnItems {
    let line = ReturnDraftLine { product: ProductId(1), quantity: units, fate: ReturnFate::Restock };
    ReturnItems { order: ORDER, reference: reference.to_owned(), draft: ReturnDraft { lines: vec![line] } }
}

async fn give_back(app: &Harness, ports: &Ports, wanted: &ReturnItems) -> Result<Returned, ReturnError> {
    give_back_of(app, ports, wanted, None).await
}

async fn give_back_of(
    app: &Harness,
    ports: &Ports,
    wanted: &ReturnItems,
    only_of: Option<CustomerId>,
) -> Result<Returned, ReturnError> {
    let mut work = app.client().begin(&Tenant::default()).unwrap();
    let returned = return_items(ports, &mut work, wanted, only_of).await?;
    work.commit().await.unwrap();
    Ok(returned)
}

#[tokio::test]
async fn a_part_of_a_delivered_order_comes_back_and_is_announced_once() {
    let (mut app, ports, book) = open(false).await;
    lamps(&book, 3, OrderStatus::Delivered);
    let first = give_back(&app, &ports, &wanted("R-1", 2)).await.unwrap();
    assert_eq!((first.stored.number, first.is_new), (ReturnNumber(1), true));
    assert_eq!(first.stored.items.refund().minor, 2 * 12_999);
    let again = give_back(&app, &ports, &wanted("R-1", 2)).await.unwrap();
    assert_eq!(again, Returned { is_new: false, ..first });
    app.settle().await;
    insta::assert_snapshot!(app.transcript(), @"neighbours ← orders.order-returned order:7");
    assert_eq!(book.status(ORDER), Some(OrderStatus::Delivered));
    app.finish().await;
}

#[tokio::test]
async fn what_came_back_under_one_reference_can_be_nothing_else() {
    let (mut app, ports, book) = open(false).await;
    lamps(&book, 3, OrderStatus::Delivered);
    give_back(&app, &ports, &wanted("R-1", 2)).await.unwrap();
    let other = give_back(&app, &ports, &wanted("R-1", 1)).await.unwrap_err();
    insta::assert_snapshot!(other, @"return 1 of this order has this reference, and is another");
    app.settle().await;
    app.finish().await;
}

#[tokio::test]
async fn several_returns_take_back_no_more_than_was_shipped() {
    let (mut app, ports, book) = open(false).await;
    lamps(&book, 3, OrderStatus::Delivered);
    give_back(&app, &ports, &wanted("R-1", 2)).await.unwrap();
    let too_many = give_back(&app, &ports, &wanted("R-2", 2)).await.unwrap_err();
    insta::assert_snapshot!(too_many, @"items[0].quantity: Of product 1 1 can still be returned, not 2.");
    let last = give_back(&app, &ports, &wanted("R-3", 1)).await.unwrap();
    assert_eq!(last.stored.number, ReturnNumber(2));
    app.settle().await;
    app.finish().await;
}

#[tokio::test]
async fn nothing_comes_back_of_what_was_not_delivered_or_is_somebody_elses() {
    let (app, ports, book) = open(false).await;
    assert!(matches!(give_back(&app, &ports, &wanted("R-1", 1)).await, Err(ReturnError::Unknown(ORDER))));
    lamps(&book, 3, OrderStatus::Shipped);
    let early = give_back(&app, &ports, &wanted("R-1", 1)).await.unwrap_err();
    insta::assert_snapshot!(early, @"of an order that is Shipped nothing can be returned");
    lamps(&book, 3, OrderStatus::Delivered);
    let (owner, other) = (placed(ORDER).customer, CustomerId(99));
    let refused = give_back_of(&app, &ports, &wanted("R-1", 1), Some(other)).await.unwrap_err();
    assert!(matches!(refused, ReturnError::Unknown(ORDER)));
    assert!(give_back_of(&app, &ports, &wanted("R-1", 1), Some(owner)).await.unwrap().is_new);
    app.leaving_behind();
}
