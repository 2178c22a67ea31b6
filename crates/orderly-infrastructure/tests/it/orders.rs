//! Orders as people see them.

use std::time::Duration;

use orderly_contracts::{Currency, CustomerId, Money, OrderId, ProductId, Quantity};
use orderly_orders::{
    OrderChange, OrderFilter, OrderView,
    domain::{OrderLine, OrderStatus, SoldLine},
};

use crate::{
    book::{apply, order, order_of, place},
    stage::{Stage, tenant},
};

async fn ids(stage: &Stage, filter: OrderFilter) -> Vec<OrderId> {
    let orders = stage.ports.orders.orders(&tenant(), &filter).await.unwrap();
    orders.into_iter().map(|order| order.id).collect()
}

pub(crate) async fn an_order_is_seen_as_it_was_bought(stage: &Stage) {
    let order = order(&[(2, 3, 150), (1, 1, 99), (2, 4, 140)]);
    let placed = stage.commit(async |tx| stage.ports.book.place(tx, &order, Some("536365")).await).await.0;
    let created_at = stage.now();
    stage.wind(Duration::from_secs(1)).await;
    apply(stage, placed.placed.order_id, &OrderChange::Validated).await;
    let line = |place, product, units, minor| {
        let (product, quantity) = (ProductId(product), Quantity::new(units).unwrap());
        let unit_price = Money::new(minor, Currency::GBP);
        SoldLine { place, line: OrderLine { product, quantity, unit_price }, returned: 0 }
    };
    let seen = stage.ports.orders.order(&tenant(), placed.placed.order_id).await.unwrap().unwrap();
    assert_eq!(
        seen,
        OrderView {
            id: placed.placed.order_id,
            customer: CustomerId(7),
            reference: Some("536365".to_owned()),
            status: OrderStatus::Validated,
            cancel_reason: None,
            attention: None,
            total: Money::new(1_109, Currency::GBP),
            lines: vec![line(1, 2, 3, 150), line(2, 1, 1, 99), line(3, 2, 4, 140)],
            created_at,
            updated_at: stage.now(),
        }
    );
    assert_eq!(
        stage.ports.orders.orders(&tenant(), &OrderFilter { limit: 1, ..OrderFilter::default() }).await.unwrap(),
        [seen]
    );
    assert_eq!(stage.ports.orders.order(&tenant(), OrderId(404)).await.unwrap(), None);
}

pub(crate) async fn orders_come_newest_first_page_by_page(stage: &Stage) {
    let mut placed = Vec::new();
    for _ in 0..5 {
        placed.push(place(stage, &order(&[(1, 1, 100)])).await.placed.order_id);
    }
    placed.reverse();
    let page = OrderFilter { limit: 2, ..OrderFilter::default() };
    assert_eq!(ids(stage, page.clone()).await, placed[..2]);
    assert_eq!(ids(stage, OrderFilter { before: Some(placed[1]), ..page.clone() }).await, placed[2..4]);
    assert_eq!(ids(stage, OrderFilter { before: Some(placed[3]), ..page.clone() }).await, placed[4..]);
    assert_eq!(ids(stage, OrderFilter { before: Some(placed[4]), ..page }).await, []);
}

pub(crate) async fn orders_are_found_by_customer_and_by_status(stage: &Stage) {
    let of = async |customer| place(stage, &order_of(CustomerId(customer), &[(1, 1, 100)])).await.placed.order_id;
    let (first, second, third) = (of(1).await, of(2).await, of(1).await);
    apply(stage, third, &OrderChange::Validated).await;
    let all = OrderFilter { limit: 10, ..OrderFilter::default() };
    let customer = Some(CustomerId(1));
    assert_eq!(ids(stage, OrderFilter { customer, ..all.clone() }).await, [third, first]);
    assert_eq!(ids(stage, OrderFilter { customer, before: Some(third), ..all.clone() }).await, [first]);
    let status = Some(OrderStatus::Pending);
    assert_eq!(ids(stage, OrderFilter { status, ..all.clone() }).await, [second, first]);
    assert_eq!(ids(stage, OrderFilter { customer, status, ..all }).await, [first]);
}

pub(crate) async fn what_is_not_committed_is_not_seen(stage: &Stage) {
    let mut work = stage.begin();
    let (placed, _) = stage.ports.book.place(&mut work.tx, &order(&[(1, 1, 100)]), None).await.unwrap();
    assert_eq!(stage.ports.orders.order(&tenant(), placed.placed.order_id).await.unwrap(), None);
    work.commit().await.unwrap();
    assert!(stage.ports.orders.order(&tenant(), placed.placed.order_id).await.unwrap().is_some());
}
