//! The module's use cases and consumers, one delivery at a time.

use std::time::Duration;

use orderly_contracts::{
    CustomerId, OrderId,
    orders::{OrderCancellationRequested, OrderCreatedEvent, OrderedItem},
};
use orderly_orders::{
    CancelError, CancelOutcome, PlaceOrder, PlacementError, Ports, StoredOrder, cancel_order,
    domain::{OrderStatus, ProblemCode},
    place_order,
};
use wharf::{Tenant, testing::Harness};

use crate::shop::{FakeBook, draft, open, placed};

async fn place(app: &Harness, ports: &Ports, wanted: &PlaceOrder) -> Result<(OrderId, bool), PlacementError> {
    let mut work = app.client().begin(&Tenant::default()).unwrap();
    let placed = place_order(ports, &mut work, wanted).await?;
    work.commit().await.unwrap();
    Ok((placed.order.placed.order_id, placed.is_new))
}

async fn cancel(
    app: &Harness,
    ports: &Ports,
    order: OrderId,
    only_of: Option<CustomerId>,
) -> Result<CancelOutcome, CancelError> {
    let mut work = app.client().begin(&Tenant::default()).unwrap();
    let outcome = cancel_order(ports, &mut work, order, only_of, None).await?;
    work.commit().await.unwrap();
    Ok(outcome)
}

fn stored(book: &FakeBook, status: OrderStatus) -> OrderId {
    let order = OrderId(7);
    book.put(StoredOrder { placed: placed(order), status });
    order
}

fn created(order: OrderId, product: i64) -> OrderCreatedEvent {
    let placed = placed(order);
    let item = OrderedItem {
        product_id: orderly_contracts::ProductId(product),
        quantity: orderly_contracts::Quantity::ONE,
        unit_price: placed.total,
    };
    OrderCreatedEvent {
        order_id: order,
        user_id: placed.customer,
        items: vec![item],
        product_id: Some(item.product_id),
        total: placed.total,
    }
}

#[tokio::test]
async fn a_placed_order_is_validated_and_its_stock_asked_for() {
    let (mut app, ports, book) = open(false).await;
    let (order, is_new) = place(&app, &ports, &PlaceOrder { draft: draft(1, 2, None), reference: None }).await.unwrap();
    assert!(is_new);
    app.settle().await;
    insta::assert_snapshot!(app.transcript(), @"
    order-created-event ← orders.order-created order:1 ⇒ orders.order-validated
    order-saga ← orders.order-validated order:1 ⇒ inventory.reservation-requested
    neighbours ← inventory.reservation-requested order:1
    ");
    assert_eq!(book.status(order), Some(OrderStatus::Validated));
    app.finish().await;
}

#[tokio::test]
async fn one_reference_places_one_order() {
    let (mut app, ports, _) = open(false).await;
    let wanted = PlaceOrder { draft: draft(1, 1, None), reference: Some("536365".to_owned()) };
    let first = place(&app, &ports, &wanted).await.unwrap();
    let second = place(&app, &ports, &wanted).await.unwrap();
    assert_eq!((first, second), ((OrderId(1), true), (OrderId(1), false)));
    app.settle().await;
    assert_eq!(app.transcript().matches("orders.order-created").count(), 1, "the event was published once");
    app.finish().await;
}

#[tokio::test]
async fn a_draft_is_refused_with_everything_that_is_wrong_with_it() {
    let (app, ports, _) = open(false).await;
    let wanted = PlaceOrder { draft: draft(99, 0, None), reference: None };
    let Err(PlacementError::Refused(problems)) = place(&app, &ports, &wanted).await else { panic!("not refused") };
    let codes: Vec<_> = problems.as_slice().iter().map(|problem| problem.code).collect();
    assert_eq!(codes, [ProblemCode::QuantityNotPositive, ProblemCode::UnknownProduct]);
}

#[tokio::test]
async fn a_price_that_moved_is_a_conflict() {
    let (app, ports, _) = open(false).await;
    let wanted = PlaceOrder { draft: draft(1, 1, Some(9_999)), reference: None };
    let Err(PlacementError::Refused(problems)) = place(&app, &ports, &wanted).await else { panic!("not refused") };
    assert!(problems.are_only_changed_prices());
}

#[tokio::test]
async fn a_created_event_of_an_unknown_order_is_acknowledged() {
    let (mut app, ..) = open(false).await;
    app.publish(created(OrderId(404), 1)).await;
    app.settle().await;
    insta::assert_snapshot!(app.transcript(), @"
    → orders.order-created order:404
    order-created-event ← orders.order-created order:404
    ");
    app.finish().await;
}

#[tokio::test]
async fn an_order_that_is_no_longer_pending_is_not_validated_again() {
    let (mut app, _, book) = open(false).await;
    let order = stored(&book, OrderStatus::PaymentProcessing);
    app.publish(created(order, 1)).await;
    app.settle().await;
    assert_eq!(app.transcript().matches('⇒').count(), 0);
    app.finish().await;
}

#[tokio::test]
async fn an_order_of_an_unknown_product_is_cancelled_as_invalid() {
    let (mut app, ports, book) = open(true).await;
    let wanted = PlaceOrder { draft: draft(99, 1, Some(100)), reference: None };
    let (order, _) = place(&app, &ports, &wanted).await.unwrap();
    app.settle().await;
    assert_eq!(book.status(order), Some(OrderStatus::Cancelled));
    app.finish().await;
}

#[tokio::test]
async fn a_shipped_order_cannot_be_cancelled() {
    let (app, ports, book) = open(false).await;
    let order = stored(&book, OrderStatus::Shipped);
    assert!(matches!(cancel(&app, &ports, order, None).await, Err(CancelError::TooLate(_))));
}

#[tokio::test]
async fn a_customer_cancels_only_their_own_order() {
    let (app, ports, book) = open(false).await;
    let order = stored(&book, OrderStatus::Pending);
    let stranger = Some(CustomerId(3));
    assert!(matches!(cancel(&app, &ports, order, stranger).await, Err(CancelError::Unknown(_))));
}

#[tokio::test]
async fn a_cancelled_order_releases_its_stock() {
    let (mut app, ports, book) = open(false).await;
    let (order, _) = place(&app, &ports, &PlaceOrder { draft: draft(1, 1, None), reference: None }).await.unwrap();
    app.settle().await;
    assert_eq!(cancel(&app, &ports, order, None).await.unwrap(), CancelOutcome::Requested);
    app.settle().await;
    assert_eq!(book.status(order), Some(OrderStatus::Cancelled));
    assert!(app.transcript().contains("inventory.release-requested"));
    assert_eq!(cancel(&app, &ports, order, None).await.unwrap(), CancelOutcome::AlreadyCancelled);
    app.finish().await;
}

#[tokio::test]
async fn the_sweep_expires_stale_orders_every_minute() {
    let (mut app, ports, book) = open(false).await;
    let (order, _) = place(&app, &ports, &PlaceOrder { draft: draft(1, 1, None), reference: None }).await.unwrap();
    app.settle().await;
    book.stale.lock().unwrap().push(order);
    app.wind(Duration::from_secs(60)).await;
    assert_eq!(book.status(order), Some(OrderStatus::Expired));
    app.finish().await;
}

#[tokio::test]
async fn a_cancellation_waits_for_an_order_whose_validation_a_lost_worker_held_up() {
    let (mut app, _, book) = open(false).await;
    let order = stored(&book, OrderStatus::Pending);
    app.send(OrderCancellationRequested { order_id: order, reference: None }).await;
    app.wind(Duration::from_secs(45)).await;
    app.publish(created(order, 1)).await;
    app.wind(Duration::from_secs(30)).await;
    assert_eq!(book.status(order), Some(OrderStatus::Cancelled));
    app.finish().await;
}

#[tokio::test]
async fn a_trusted_client_that_names_no_price_gets_the_catalogs() {
    let (mut app, ports, _) = open(true).await;
    let wanted = PlaceOrder { draft: draft(1, 1, None), reference: None };
    let mut work = app.client().begin(&Tenant::default()).unwrap();
    let placed = place_order(&ports, &mut work, &wanted).await.unwrap();
    work.commit().await.unwrap();
    assert_eq!(placed.order.placed.total.minor, 12_999);
    app.settle().await;
    app.finish().await;
}
