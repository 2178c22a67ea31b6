//! Placing orders and moving them.

use std::time::Duration;

use futures_util::future::join_all;
use orderly_contracts::{
    CaptureId, Currency, CustomerId, Money, OrderId, ProductId, Quantity, TrackingNumber, orders::Line,
};
use orderly_orders::{
    Attention, OrderChange, StoredOrder,
    domain::{CancelReason, Draft, DraftLine, NewOrder, OrderLimits, OrderStatus, Pricing, check_history},
};
use wharf::Verdict;

use crate::stage::{Stage, tenant};

/// An order of these lines: product, units, price in pence.
pub(crate) fn order(lines: &[(i64, i64, i64)]) -> NewOrder {
    order_of(CustomerId(7), lines)
}

pub(crate) fn order_of(customer: CustomerId, lines: &[(i64, i64, i64)]) -> NewOrder {
    let line = |&(product, quantity, minor): &(i64, i64, i64)| DraftLine {
        product: ProductId(product),
        quantity,
        unit_price: Some(Money::new(minor, Currency::GBP)),
    };
    let lines = lines.iter().map(line).collect();
    let draft = Draft { customer, currency: Currency::GBP, status: None, lines };
    NewOrder::parse(&draft, Pricing::TrustClient, &OrderLimits::default()).unwrap()
}

pub(crate) async fn place(stage: &Stage, order: &NewOrder) -> StoredOrder {
    stage.commit(async |tx| stage.ports.book.place(tx, order, None).await).await.0
}

pub(crate) async fn apply(stage: &Stage, order: OrderId, change: &OrderChange) {
    stage.commit(async |tx| stage.ports.book.apply(tx, order, change).await).await;
}

async fn find(stage: &Stage, order: OrderId) -> Option<StoredOrder> {
    stage.commit(async |tx| stage.ports.book.find(tx, order).await).await
}

/// The change that leads to a status, if it is one that a change leads to.
pub(crate) fn change_to(status: OrderStatus) -> Option<OrderChange> {
    match status {
        OrderStatus::Pending => None,
        OrderStatus::Validated => Some(OrderChange::Validated),
        OrderStatus::PaymentProcessing => Some(OrderChange::PaymentStarted),
        OrderStatus::Paid => Some(OrderChange::Paid { capture: CaptureId::new("cap_1") }),
        OrderStatus::Shipped => Some(OrderChange::Shipped { tracking: TrackingNumber::new("T1") }),
        OrderStatus::Delivered => Some(OrderChange::Delivered),
        OrderStatus::Cancelled => Some(cancelled()),
        OrderStatus::Expired => Some(OrderChange::Expired),
    }
}

fn cancelled() -> OrderChange {
    OrderChange::Cancelled { reason: CancelReason::OutOfStock, detail: "Not enough in stock of product 3.".to_owned() }
}

/// Some way from Pending to a status.
fn path_to(status: OrderStatus) -> Vec<OrderStatus> {
    match OrderStatus::ALL.into_iter().find(|before| before.can_become(status)) {
        Some(before) => path_to(before).into_iter().chain([status]).collect(),
        None => Vec::new(),
    }
}

/// An order that was brought to a status.
pub(crate) async fn order_in(stage: &Stage, status: OrderStatus) -> OrderId {
    let id = place(stage, &order(&[(1, 1, 100)])).await.placed.order_id;
    for status in path_to(status) {
        apply(stage, id, &change_to(status).unwrap()).await;
    }
    id
}

fn line(product: i64, units: i64) -> Line {
    Line { product: ProductId(product), quantity: Quantity::new(units).unwrap() }
}

pub(crate) async fn a_placed_order_is_found_as_it_was_placed(stage: &Stage) {
    let placed = place(stage, &order(&[(2, 3, 150), (1, 1, 99)])).await;
    assert_eq!(placed.status, OrderStatus::Pending);
    assert_eq!(placed.placed.customer, CustomerId(7));
    assert_eq!(placed.placed.lines, [line(1, 1), line(2, 3)]);
    assert_eq!(placed.placed.total, Money::new(549, Currency::GBP));
    assert_eq!(placed.placed.created_at, stage.now());
    assert_eq!(find(stage, placed.placed.order_id).await, Some(placed));
    assert_eq!(find(stage, OrderId(404)).await, None);
}

pub(crate) async fn a_product_in_several_lines_is_summed(stage: &Stage) {
    let placed = place(stage, &order(&[(2, 3, 150), (1, 1, 99), (2, 4, 140)])).await;
    assert_eq!(placed.placed.lines, [line(1, 1), line(2, 7)]);
    assert_eq!(find(stage, placed.placed.order_id).await, Some(placed));
}

pub(crate) async fn the_largest_order_of_the_file_is_found_whole(stage: &Stage) {
    let lines: Vec<_> = (1..=705).map(|product| (product, product % 9 + 1, 100 + product)).collect();
    let placed = place(stage, &order(&lines)).await;
    assert_eq!(placed.placed.lines.len(), 705);
    assert_eq!(find(stage, placed.placed.order_id).await, Some(placed));
}

pub(crate) async fn one_reference_makes_one_order(stage: &Stage) {
    let place =
        async |order: NewOrder| stage.commit(async |tx| stage.ports.book.place(tx, &order, Some("536365")).await).await;
    let (first, is_new) = place(order(&[(1, 2, 100)])).await;
    assert!(is_new);
    apply(stage, first.placed.order_id, &OrderChange::Validated).await;
    let (second, is_new) = place(order(&[(9, 9, 900)])).await;
    assert!(!is_new);
    assert_eq!(second, StoredOrder { status: OrderStatus::Validated, ..first });
}

pub(crate) async fn many_who_place_one_reference_at_once_make_one_order(stage: &Stage) {
    let order = order(&[(1, 2, 100)]);
    let place = async || stage.commit(async |tx| stage.ports.book.place(tx, &order, Some("536365")).await).await;
    let placed = join_all((0..20).map(|_| place())).await;
    assert_eq!(placed.iter().filter(|(_, is_new)| *is_new).count(), 1);
    assert!(placed.iter().all(|(order, _)| *order == placed[0].0));
}

pub(crate) async fn orders_without_a_reference_are_all_different(stage: &Stage) {
    let first = place(stage, &order(&[(1, 1, 100)])).await;
    let second = place(stage, &order(&[(1, 1, 100)])).await;
    assert_ne!(first.placed.order_id, second.placed.order_id);
    assert_ne!(first.placed.correlation, second.placed.correlation);
}

pub(crate) async fn what_is_rolled_back_was_never_placed(stage: &Stage) {
    let mut work = stage.begin();
    let (placed, _) = stage.ports.book.place(&mut work.tx, &order(&[(1, 1, 100)]), None).await.unwrap();
    assert!(stage.ports.book.find(&mut work.tx, placed.placed.order_id).await.unwrap().is_some());
    work.rollback().await.unwrap();
    assert_eq!(find(stage, placed.placed.order_id).await, None);
    assert_eq!(stage.ports.orders.history(&tenant(), placed.placed.order_id).await.unwrap(), []);
}

pub(crate) async fn every_change_follows_the_graph_and_no_other(stage: &Stage) {
    for from in OrderStatus::ALL {
        for to in OrderStatus::ALL {
            let Some(change) = change_to(to) else { continue };
            let id = order_in(stage, from).await;
            let mut work = stage.begin();
            let applied = stage.ports.book.apply(&mut work.tx, id, &change).await;
            if from.can_become(to) {
                applied.unwrap();
                work.commit().await.unwrap();
            } else {
                let failure = applied.unwrap_err();
                assert_eq!(failure.verdict(), Verdict::DeadLetter, "{from} to {to}");
                assert_eq!(failure.to_string(), format!("an order that is {from} cannot become {to}"));
                work.rollback().await.unwrap();
            }
            let steps = stage.ports.orders.history(&tenant(), id).await.unwrap();
            let path: Vec<_> = steps.iter().map(|step| step.status).collect();
            check_history(&path).unwrap();
            assert_eq!(path.last().copied(), Some(find(stage, id).await.unwrap().status));
        }
    }
}

pub(crate) async fn an_order_that_does_not_exist_does_not_move(stage: &Stage) {
    let mut work = stage.begin();
    let failure = stage.ports.book.apply(&mut work.tx, OrderId(404), &OrderChange::Validated).await.unwrap_err();
    assert_eq!(failure.verdict(), Verdict::DeadLetter);
    assert_eq!(failure.to_string(), "there is no order 404");
}

pub(crate) async fn a_step_tells_what_happened_and_when(stage: &Stage) {
    let id = place(stage, &order(&[(1, 1, 100)])).await.placed.order_id;
    let placed_at = stage.now();
    for change in [
        OrderChange::Validated,
        OrderChange::PaymentStarted,
        OrderChange::Paid { capture: CaptureId::new("cap_1") },
        OrderChange::Shipped { tracking: TrackingNumber::new("T1") },
        OrderChange::Delivered,
    ] {
        stage.wind(Duration::from_secs(1)).await;
        apply(stage, id, &change).await;
    }
    let steps = stage.ports.orders.history(&tenant(), id).await.unwrap();
    let told: Vec<_> = steps.iter().map(|step| (step.at.since(placed_at).as_secs(), step.detail.as_str())).collect();
    assert_eq!(
        told,
        [
            (0, "The order was placed."),
            (1, "Validated; stock was asked for."),
            (2, "Stock is held; payment was asked for."),
            (3, "Paid (capture cap_1); a carrier was asked for."),
            (4, "The carrier has the parcel; its tracking number is T1."),
            (5, "The customer has the parcel."),
        ]
    );
    let id = place(stage, &order(&[(3, 1, 100)])).await.placed.order_id;
    apply(stage, id, &cancelled()).await;
    let steps = stage.ports.orders.history(&tenant(), id).await.unwrap();
    assert_eq!(steps[1].detail, "Not enough in stock of product 3.");
    let view = stage.ports.orders.order(&tenant(), id).await.unwrap().unwrap();
    assert_eq!(view.cancel_reason, Some(CancelReason::OutOfStock));
}

pub(crate) async fn a_noted_cancellation_moves_nothing(stage: &Stage) {
    let id = place(stage, &order(&[(1, 1, 100)])).await.placed.order_id;
    let before = stage.ports.orders.order(&tenant(), id).await.unwrap();
    stage.wind(Duration::from_secs(1)).await;
    stage.commit(async |tx| stage.ports.book.note_cancellation(tx, id, Some("C536379")).await).await;
    assert_eq!(stage.ports.orders.order(&tenant(), id).await.unwrap(), before);
    assert_eq!(stage.ports.orders.history(&tenant(), id).await.unwrap().len(), 1);
    assert_eq!(stage.read("SELECT cancel_reference FROM orders").await, ["C536379"]);
}

pub(crate) async fn a_halted_order_says_so_until_it_goes_on_and_does_not_move(stage: &Stage) {
    let id = order_in(stage, OrderStatus::Paid).await;
    let before = stage.ports.orders.order(&tenant(), id).await.unwrap().unwrap();
    stage.wind(Duration::from_secs(1)).await;
    let reason = "the payment cannot be given back".to_owned();
    apply(stage, id, &OrderChange::Halted { reason: reason.clone() }).await;
    let halted = stage.ports.orders.order(&tenant(), id).await.unwrap().unwrap();
    let attention = |reason| Some(Attention { reason, since: Some(stage.now()) });
    assert_eq!(halted, orderly_orders::OrderView { attention: attention(reason), ..before.clone() });
    let since = stage.now();
    stage.wind(Duration::from_secs(3600)).await;
    apply(stage, id, &OrderChange::Halted { reason: "something else".to_owned() }).await;
    let halted = stage.ports.orders.order(&tenant(), id).await.unwrap().unwrap().attention.unwrap();
    assert_eq!((halted.reason.as_str(), halted.since), ("something else", Some(since)), "it has waited all the same");
    apply(stage, id, &OrderChange::GoesOn).await;
    assert_eq!(stage.ports.orders.order(&tenant(), id).await.unwrap(), Some(before));

    let mut work = stage.begin();
    let failure = stage.ports.book.apply(&mut work.tx, OrderId(404), &OrderChange::GoesOn).await.unwrap_err();
    assert_eq!(failure.verdict(), Verdict::DeadLetter);
    work.rollback().await.unwrap();
}

pub(crate) async fn orders_are_stale_when_they_have_waited_so_long_and_not_a_microsecond_before(stage: &Stage) {
    let age = Duration::from_secs(600);
    let stale = async || stage.commit(async |tx| stage.ports.book.stale(tx, age, 100).await).await;
    let mut waiting = Vec::new();
    for status in OrderStatus::ALL {
        let id = order_in(stage, status).await;
        if matches!(status, OrderStatus::Validated | OrderStatus::PaymentProcessing) {
            waiting.push(id);
        }
    }
    stage.wind(age - Duration::from_micros(1)).await;
    assert_eq!(stale().await, []);
    stage.wind(Duration::from_micros(1)).await;
    assert_eq!(stale().await, waiting);
    apply(stage, waiting[0], &OrderChange::PaymentStarted).await;
    assert_eq!(stale().await, waiting[1..]);
}

pub(crate) async fn the_longest_waiting_come_first_and_no_more_than_asked(stage: &Stage) {
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(order_in(stage, OrderStatus::Validated).await);
        stage.wind(Duration::from_secs(1)).await;
    }
    apply(stage, waiting[0], &OrderChange::PaymentStarted).await;
    stage.wind(Duration::from_secs(60)).await;
    let stale = stage.commit(async |tx| stage.ports.book.stale(tx, Duration::from_secs(60), 2).await).await;
    assert_eq!(stale, waiting[1..]);
}
