//! What one tenant writes, another neither sees nor moves, even if it guesses the number.

use std::time::Duration;

use orderly_contracts::{CustomerId, OrderId, ProductId, Role, Tenant};
use orderly_inventory::domain::{Movement, MovementKind, ReservationState};
use orderly_notifications::domain::Notification;
use orderly_orders::{OrderChange, OrderFilter, domain::OrderStatus};
use orderly_payments::domain::IntentState;

use crate::{
    book::{order, place},
    catalog, ledger, notifications, shipments,
    stage::{Stage, tenant},
    stockroom, users, warehouse,
};

fn other() -> Tenant {
    Tenant::new("globex")
}

const ORDER: OrderId = OrderId(1);

pub(crate) async fn orders_are_kept_apart(stage: &Stage) {
    let id = place(stage, &order(&[(1, 1, 100)])).await.placed.order_id;
    stage.wind(Duration::from_secs(600)).await;
    assert_eq!(stage.commit_of(&other(), async |tx| stage.ports.book.find(tx, id).await).await, None);
    let stale = stage.commit_of(&other(), async |tx| stage.ports.book.stale(tx, Duration::ZERO, 10).await).await;
    assert_eq!(stale, []);
    stage.commit_of(&other(), async |tx| stage.ports.book.note_cancellation(tx, id, None).await).await;
    let mut work = stage.begin_of(&other());
    stage.ports.book.apply(&mut work.tx, id, &OrderChange::Validated).await.unwrap_err();
    work.rollback().await.unwrap();

    let orders = &stage.ports.orders;
    assert_eq!(orders.order(&other(), id).await.unwrap(), None);
    assert_eq!(orders.history(&other(), id).await.unwrap(), []);
    let mut filter = OrderFilter { limit: 10, ..OrderFilter::default() };
    assert_eq!(orders.orders(&other(), &filter).await.unwrap(), []);
    filter.customer = Some(CustomerId(7));
    assert_eq!(orders.orders(&other(), &filter).await.unwrap(), []);
    assert_eq!(orders.order(&tenant(), id).await.unwrap().unwrap().status, OrderStatus::Pending);
}

pub(crate) async fn references_are_kept_apart(stage: &Stage) {
    let order = order(&[(1, 1, 100)]);
    let ours = stage.commit(async |tx| stage.ports.book.place(tx, &order, Some("A")).await).await;
    let theirs = stage.commit_of(&other(), async |tx| stage.ports.book.place(tx, &order, Some("A")).await).await;
    assert!(ours.1 && theirs.1);
    assert_ne!(ours.0.placed.order_id, theirs.0.placed.order_id);
}

pub(crate) async fn products_are_kept_apart(stage: &Stage) {
    let ours = catalog::add(stage, &tenant(), &[("MUG", 250)]).await;
    let theirs = catalog::add(stage, &other(), &[("MUG", 199)]).await;
    assert_ne!(ours, theirs);
    assert!(stage.ports.catalog.products(&other(), &ours).await.unwrap().is_empty());
    let page = stage.ports.products.products(&other(), None, 10).await.unwrap();
    assert_eq!(page.iter().map(|product| product.id()).collect::<Vec<_>>(), theirs);
}

pub(crate) async fn stock_is_kept_apart(stage: &Stage) {
    warehouse::open(stage, &tenant(), &[(1, 10)]).await;
    let asked = [ProductId(1)];
    assert!(stage.ports.stock_levels.available(&other(), &asked).await.unwrap().is_empty());
    assert!(stage.commit_of(&other(), async |tx| stage.ports.stockroom.stock(tx, &asked).await).await.is_empty());
    warehouse::open(stage, &other(), &[(1, 5)]).await;
    let movement = Movement { kind: MovementKind::Received, units: 2, reference: Some("DN-1".to_owned()) };
    warehouse::put(stage, &other(), (7, 0, 9), Some(&movement)).await;
    assert_eq!(warehouse::levels(stage, &tenant()).await, [(1, 10, 0)]);
    assert_eq!(warehouse::levels(stage, &other()).await, [(1, 7, 0)]);

    let seen = &stage.ports.warehouse;
    let ours = seen.level(&tenant(), ProductId(1)).await.unwrap().unwrap();
    assert_eq!((ours.stock.available(), ours.stock.reorder_level()), (10, 0));
    assert_eq!(seen.low(&tenant(), None, 10).await.unwrap(), []);
    assert_eq!(seen.count_low(&tenant()).await.unwrap(), 0);
    assert_eq!(seen.movements(&tenant(), ProductId(1), None, 10).await.unwrap().len(), 1);
    let receipt = async |tx: &mut _| stage.ports.warehouse.receipt(tx, ProductId(1), "DN-1").await;
    assert_eq!(stage.commit(receipt).await, None);
}

pub(crate) async fn reservations_are_kept_apart(stage: &Stage) {
    for tenant in [tenant(), other()] {
        warehouse::open(stage, &tenant, &[(1, 10)]).await;
    }
    stockroom::hold(stage, &tenant(), ORDER, &[(1, 4)]).await;
    assert_eq!(stockroom::reservation(stage, &other(), ORDER).await, None);
    let mut work = stage.begin_of(&other());
    stage.ports.stockroom.give_back(&mut work.tx, ORDER).await.unwrap_err();
    work.rollback().await.unwrap();
    stockroom::hold(stage, &other(), ORDER, &[(1, 1)]).await;
    stage.commit_of(&other(), async |tx| stage.ports.stockroom.take_out(tx, ORDER).await).await;
    assert_eq!(warehouse::levels(stage, &tenant()).await, [(1, 6, 4)]);
    assert_eq!(warehouse::levels(stage, &other()).await, [(1, 9, 0)]);
    assert_eq!(stockroom::reservation(stage, &tenant(), ORDER).await, Some(ReservationState::Held));
}

pub(crate) async fn payments_are_kept_apart(stage: &Stage) {
    ledger::save(stage, &ledger::intent(1, IntentState::Accepted)).await;
    assert_eq!(stage.ports.ledger.look_up(&other(), ORDER).await.unwrap(), None);
    assert_eq!(stage.commit_of(&other(), async |tx| stage.ports.ledger.find(tx, ORDER).await).await, None);
    let theirs = ledger::intent(1, IntentState::Voided);
    stage.commit_of(&other(), async |tx| stage.ports.ledger.save(tx, &theirs).await).await;
    let ours = stage.ports.ledger.look_up(&tenant(), ORDER).await.unwrap();
    assert_eq!(ours, Some(ledger::intent(1, IntentState::Accepted)));
}

pub(crate) async fn shipments_are_kept_apart(stage: &Stage) {
    let ours = shipments::shipment(1, shipments::accepted());
    shipments::save(stage, &ours).await;
    assert_eq!(stage.ports.shipments.look_up(&other(), ORDER).await.unwrap(), None);
    assert_eq!(stage.commit_of(&other(), async |tx| stage.ports.shipments.find(tx, ORDER).await).await, None);
    let theirs = shipments::shipment(1, orderly_shipping::domain::ShipmentState::Requested);
    stage.commit_of(&other(), async |tx| stage.ports.shipments.save(tx, &theirs).await).await;
    assert_eq!(stage.ports.shipments.look_up(&tenant(), ORDER).await.unwrap(), Some(ours));
}

pub(crate) async fn notifications_are_kept_apart(stage: &Stage) {
    let told = Notification::delivered(ORDER, CustomerId(7));
    assert!(notifications::tell(stage, &tenant(), CustomerId(7), &told).await);
    let seen = &stage.ports.notifications;
    assert_eq!(seen.notifications(&other(), None, None, 10).await.unwrap(), []);
    assert_eq!(seen.notifications(&other(), Some(CustomerId(7)), None, 10).await.unwrap(), []);
    assert!(notifications::tell(stage, &other(), CustomerId(7), &told).await);
}

pub(crate) async fn users_are_kept_apart(stage: &Stage) {
    let ours = users::add(stage, &tenant(), Role::Admin).await;
    assert_eq!(stage.ports.users.by_email(&other(), &users::ada()).await.unwrap(), None);
    let theirs = users::add(stage, &other(), Role::Customer).await;
    assert_ne!(ours, theirs);
    let found = stage.ports.users.by_email(&tenant(), &users::ada()).await.unwrap().unwrap();
    assert_eq!(found.role, Role::Admin);
}
