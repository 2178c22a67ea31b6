//! Holding stock, giving it back and taking it out.

use futures_util::future::join_all;
use orderly_contracts::{OrderId, ProductId, Quantity, Tenant};
use orderly_inventory::domain::{ReservationState, Stock, hold_all};
use wharf::{Tx, Verdict};

use crate::{
    stage::{Stage, tenant},
    warehouse::{levels, open},
};

/// Holds units of products for an order as the use case does. `false` when there are too few.
pub(crate) async fn hold_in(stage: &Stage, tx: &mut Tx, order: OrderId, wanted: &[(i64, i64)]) -> wharf::Result<bool> {
    let stockroom = &stage.ports.stockroom;
    assert_eq!(stockroom.reservation(tx, order).await?, None);
    let products: Vec<_> = wanted.iter().map(|&(product, _)| ProductId(product)).collect();
    let stock = stockroom.stock(tx, &products).await?;
    let lines = wanted.iter().map(|&(product, units)| (ProductId(product), Quantity::new(units).unwrap()));
    match hold_all(lines, &stock) {
        Ok(held) => {
            stockroom.hold(tx, order, &held).await?;
            Ok(true)
        }
        Err(_) => Ok(false),
    }
}

pub(crate) async fn hold(stage: &Stage, tenant: &Tenant, order: OrderId, wanted: &[(i64, i64)]) -> bool {
    stage.commit_of(tenant, async |tx| hold_in(stage, tx, order, wanted).await).await
}

pub(crate) async fn reservation(stage: &Stage, tenant: &Tenant, order: OrderId) -> Option<ReservationState> {
    stage.commit_of(tenant, async |tx| stage.ports.stockroom.reservation(tx, order).await).await
}

/// What moved, as `product kind units order`, oldest first.
async fn movements(stage: &Stage) -> Vec<String> {
    let sql = "
        SELECT product_id || ' ' || kind || ' ' || units || ' ' || coalesce(order_id, 0) FROM stock_movements
        ORDER BY coalesce(order_id, 0), product_id";
    stage.read(sql).await
}

const ORDER: OrderId = OrderId(1);

pub(crate) async fn what_is_held_leaves_the_available(stage: &Stage) {
    open(stage, &tenant(), &[(1, 10), (2, 20), (3, 30)]).await;
    assert!(hold(stage, &tenant(), ORDER, &[(3, 5), (1, 10)]).await);
    assert_eq!(levels(stage, &tenant()).await, [(1, 0, 10), (2, 20, 0), (3, 25, 5)]);
    assert_eq!(reservation(stage, &tenant(), ORDER).await, Some(ReservationState::Held));
    assert!(!hold(stage, &tenant(), OrderId(2), &[(2, 1), (1, 1)]).await, "all or nothing");
    assert_eq!(levels(stage, &tenant()).await, [(1, 0, 10), (2, 20, 0), (3, 25, 5)]);
    assert_eq!(reservation(stage, &tenant(), OrderId(2)).await, None);
}

pub(crate) async fn what_is_given_back_can_be_sold_again(stage: &Stage) {
    open(stage, &tenant(), &[(1, 10), (2, 20)]).await;
    hold(stage, &tenant(), ORDER, &[(1, 4), (2, 5)]).await;
    hold(stage, &tenant(), OrderId(2), &[(1, 1)]).await;
    stage.commit(async |tx| stage.ports.stockroom.give_back(tx, ORDER).await).await;
    assert_eq!(levels(stage, &tenant()).await, [(1, 9, 1), (2, 20, 0)]);
    assert_eq!(reservation(stage, &tenant(), ORDER).await, Some(ReservationState::Released));
}

pub(crate) async fn what_is_taken_out_has_left(stage: &Stage) {
    open(stage, &tenant(), &[(1, 10), (2, 20)]).await;
    hold(stage, &tenant(), ORDER, &[(1, 4), (2, 5)]).await;
    hold(stage, &tenant(), OrderId(2), &[(1, 1)]).await;
    stage.commit(async |tx| stage.ports.stockroom.take_out(tx, ORDER).await).await;
    assert_eq!(levels(stage, &tenant()).await, [(1, 5, 1), (2, 15, 0)]);
    assert_eq!(reservation(stage, &tenant(), ORDER).await, Some(ReservationState::Committed));
}

/// Holding and giving back move nothing out of the warehouse.
pub(crate) async fn what_comes_and_goes_is_booked(stage: &Stage) {
    open(stage, &tenant(), &[(1, 10), (2, 20), (3, 0)]).await;
    open(stage, &tenant(), &[(1, 99)]).await;
    hold(stage, &tenant(), ORDER, &[(1, 4), (2, 5)]).await;
    hold(stage, &tenant(), OrderId(2), &[(1, 1)]).await;
    stage.commit(async |tx| stage.ports.stockroom.give_back(tx, OrderId(2)).await).await;
    assert_eq!(movements(stage).await, ["1 received 10 0", "2 received 20 0"]);
    stage.commit(async |tx| stage.ports.stockroom.take_out(tx, ORDER).await).await;
    let shipped = ["1 received 10 0", "2 received 20 0", "1 shipped -4 1", "2 shipped -5 1"];
    assert_eq!(movements(stage).await, shipped);

    let mut work = stage.begin();
    stage.ports.stockroom.take_out(&mut work.tx, ORDER).await.unwrap_err();
    work.rollback().await.unwrap();
    assert_eq!(movements(stage).await, shipped, "it left once");
}

pub(crate) async fn a_reservation_ends_once(stage: &Stage) {
    open(stage, &tenant(), &[(1, 10)]).await;
    hold(stage, &tenant(), ORDER, &[(1, 4)]).await;
    stage.commit(async |tx| stage.ports.stockroom.take_out(tx, ORDER).await).await;
    let mut work = stage.begin();
    let failure = stage.ports.stockroom.give_back(&mut work.tx, ORDER).await.unwrap_err();
    assert_eq!(failure.verdict(), Verdict::DeadLetter);
    work.rollback().await.unwrap();
    assert_eq!(levels(stage, &tenant()).await, [(1, 6, 0)]);
}

pub(crate) async fn a_tombstone_holds_nothing_and_stays(stage: &Stage) {
    open(stage, &tenant(), &[(1, 10)]).await;
    stage.commit(async |tx| stage.ports.stockroom.leave_tombstone(tx, ORDER).await).await;
    assert_eq!(reservation(stage, &tenant(), ORDER).await, Some(ReservationState::Released));
    assert_eq!(levels(stage, &tenant()).await, [(1, 10, 0)]);
}

pub(crate) async fn a_second_reservation_is_refused(stage: &Stage) {
    open(stage, &tenant(), &[(1, 10)]).await;
    stage.commit(async |tx| stage.ports.stockroom.leave_tombstone(tx, ORDER).await).await;
    let mut work = stage.begin();
    let stock = stage.ports.stockroom.stock(&mut work.tx, &[ProductId(1)]).await.unwrap();
    let held = hold_all([(ProductId(1), Quantity::ONE)], &stock).unwrap();
    let failure = stage.ports.stockroom.hold(&mut work.tx, ORDER, &held).await.unwrap_err();
    assert_eq!(failure.verdict(), Verdict::Retry, "the next try finds the tombstone");
    work.rollback().await.unwrap();
    assert_eq!(levels(stage, &tenant()).await, [(1, 10, 0)]);
}

/// The update itself asks whether there is enough, whatever was read before.
pub(crate) async fn what_is_not_there_any_more_is_not_held(stage: &Stage) {
    open(stage, &tenant(), &[(1, 10), (2, 20)]).await;
    let read = [1, 2].map(|product| (ProductId(product), Stock::new(20, 0, 0).unwrap()));
    let lines = [1, 2].map(|product| (ProductId(product), Quantity::new(11).unwrap()));
    let held = hold_all(lines, &read.into()).unwrap();
    let mut work = stage.begin();
    let failure = stage.ports.stockroom.hold(&mut work.tx, ORDER, &held).await.unwrap_err();
    assert_eq!(failure.verdict(), Verdict::Retry);
    work.rollback().await.unwrap();
    assert_eq!(levels(stage, &tenant()).await, [(1, 10, 0), (2, 20, 0)]);
}

pub(crate) async fn of_a_hundred_buyers_one_gets_the_last_unit(stage: &Stage) {
    open(stage, &tenant(), &[(1, 1)]).await;
    let usual = tenant();
    let got = join_all((1..=100).map(|order| hold(stage, &usual, OrderId(order), &[(1, 1)]))).await;
    assert_eq!(got.iter().filter(|got| **got).count(), 1);
    assert_eq!(levels(stage, &tenant()).await, [(1, 0, 1)]);
}

/// Orders ask for the products in opposite orders; half of them give back, half take out, in transactions of their own
/// that take the same rows again.
pub(crate) async fn orders_that_want_the_same_products_never_wait_in_a_circle(stage: &Stage) {
    open(stage, &tenant(), &[(1, 1_000), (2, 1_000), (3, 1_000)]).await;
    let usual = tenant();
    let buy = async |order: i64| {
        let mut wanted = [(1, 1), (2, 1), (3, 1)];
        if order % 2 == 0 {
            wanted.reverse();
        }
        assert!(hold(stage, &usual, OrderId(order), &wanted).await);
        let order_id = OrderId(order);
        if order % 4 < 2 {
            stage.commit(async |tx| stage.ports.stockroom.give_back(tx, order_id).await).await;
        } else {
            stage.commit(async |tx| stage.ports.stockroom.take_out(tx, order_id).await).await;
        }
    };
    join_all((1..=60).map(buy)).await;
    assert_eq!(levels(stage, &tenant()).await, [(1, 970, 0), (2, 970, 0), (3, 970, 0)]);
}
