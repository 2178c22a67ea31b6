//! Returns: through every module, and as each of them keeps its part.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use orderly_contracts::{CaptureId, Currency, Money, OrderId, ProductId, ReturnFate, ReturnNumber};
use orderly_infrastructure::{Settings, Simulators, audit::audit, simulators};
use orderly_inventory::domain::{MovementKind, Stock, TakenBack};
use orderly_orders::{
    ReturnError, ReturnItems, Returned, StoredReturn,
    domain::{ItemReturn, OrderLimits, OrderStatus, ReturnDraft, ReturnDraftLine},
    return_items,
};
use orderly_payments::domain::{AttemptState, IntentState, Refund, RefundKey};
use wharf::{Tenant, testing::Harness};

use crate::{
    book::{apply, change_to, order},
    ledger,
    pipeline::{ClosedTill, MINUTE, open_between, open_with, place, view, without_a_carrier},
    stage::{Stage, tenant},
};

use ReturnFate::{Restock, WriteOff};

fn wanted(order: OrderId, reference: &str, lines: &[(ProductId, i64, ReturnFate)]) -> ReturnItems {
    let line = |&(product, quantity, fate)| ReturnDraftLine { product, quantity, fate };
    let draft = ReturnDraft { lines: lines.iter().map(line).collect() };
    ReturnItems { order, reference: reference.to_owned(), draft }
}

async fn give_back(app: &Harness, ports: &orderly_orders::Ports, wanted: &ReturnItems) -> Returned {
    let mut work = app.client().begin(&Tenant::default()).unwrap();
    let returned = return_items(ports, &mut work, wanted, None).await.unwrap();
    work.commit().await.unwrap();
    returned
}

async fn assert_every_invariant(stage: &Stage) {
    let report = audit(&stage.settings).await.unwrap();
    assert!(report.holds(), "{report}");
}

async fn on_shelf(stage: &Stage, product: ProductId) -> (i64, i64) {
    let stock = stage.ports.warehouse.level(&Tenant::default(), product).await.unwrap().unwrap().stock;
    (stock.available(), stock.reserved())
}

/// What a provider that answers at once and a carrier that brings at once do.
fn without_trouble() -> Simulators {
    without_a_carrier(0.0, 0.0)
}

pub(crate) async fn what_comes_back_lies_on_the_shelf_or_is_written_off_and_is_paid_back(stage: &Stage) {
    let (mut app, ports, mug) = open_with(stage, without_trouble()).await;
    let order = place(&app, &ports, mug).await;
    app.wind(MINUTE).await;
    assert_eq!(on_shelf(stage, mug).await, (98, 0));
    app.transcript();

    give_back(&app, &ports, &wanted(order, "R-1", &[(mug, 1, Restock)])).await;
    assert_every_invariant(stage).await;
    app.settle().await;
    let transcript = app.transcript();
    insta::allow_duplicates! {
        insta::assert_snapshot!(transcript, @"
        inventory-reservation ← orders.order-returned order:1
        payment ← orders.order-returned order:1 ⇒ payments.submit-refund
        payment ← payments.submit-refund order:1
        ");
    }
    assert_eq!(on_shelf(stage, mug).await, (99, 0));
    assert_eq!(view(stage, order).await.lines[0].returned, 1);

    give_back(&app, &ports, &wanted(order, "R-2", &[(mug, 1, WriteOff)])).await;
    app.settle().await;
    assert_eq!(on_shelf(stage, mug).await, (99, 0), "what is written off is never sold again");
    let seen = view(stage, order).await;
    assert_eq!((seen.lines[0].returned, seen.status), (2, OrderStatus::Delivered));
    let movements = stage.ports.warehouse.movements(&Tenant::default(), mug, None, 10).await.unwrap();
    let told: Vec<_> = movements.iter().map(|movement| (movement.kind, movement.units, movement.order)).collect();
    assert_eq!(
        told,
        [
            (MovementKind::Returned, 1, Some(order)),
            (MovementKind::Shipped, -2, Some(order)),
            (MovementKind::Received, 100, None),
        ]
    );
    let stock_returns = "SELECT return_number || ': ' || restocked || ' ' || written_off FROM stock_returns ORDER BY 1";
    assert_eq!(stage.read(stock_returns).await, ["1: 1 0", "2: 0 1"]);
    let entries = "SELECT deed || ' ' || account || ' ' || debit_minor || ' ' || credit_minor FROM ledger_entries
                   ORDER BY id";
    assert_eq!(
        stage.read(entries).await,
        [
            "capture provider 500 0",
            "capture order 0 500",
            "refund provider 0 250",
            "refund order 250 0",
            "refund provider 0 250",
            "refund order 250 0",
        ]
    );
    assert_every_invariant(stage).await;
    app.finish().await;
}

pub(crate) async fn when_every_answer_is_lost_a_return_is_paid_back_once(stage: &Stage) {
    let (mut app, ports, mug) = open_with(stage, Simulators { payment_lost_rate: 1.0, ..without_trouble() }).await;
    // The demo seed loses no answer about the first order, where it can.
    let orders = [place(&app, &ports, mug).await, place(&app, &ports, mug).await];
    app.wind(MINUTE).await;
    for order in orders {
        give_back(&app, &ports, &wanted(order, "R-1", &[(mug, 1, Restock)])).await;
    }
    app.wind(MINUTE).await;
    let attempts = "SELECT order_id || ' ' || number || ' ' || state FROM refund_attempts ORDER BY order_id, number";
    assert_eq!(stage.read(attempts).await, ["1 1 lost", "1 2 approved", "2 1 lost", "2 2 approved"]);
    assert_every_invariant(stage).await;
    app.finish().await;
}

pub(crate) async fn o31_a_refund_of_a_return_that_takes_hours_is_made_in_the_end(stage: &Stage) {
    let settings = Settings { simulators: without_trouble(), ..stage.settings.clone() };
    let providers = simulators::open(&settings).await.unwrap();
    let opens_at = stage.now() + 3 * 60 * MINUTE;
    let gateway = ClosedTill { inner: providers.gateway, clock: stage.clock(), opens_at };
    let (mut app, ports, mug) = open_between(stage, Arc::new(gateway), providers.carrier).await;
    let order = place(&app, &ports, mug).await;
    app.wind(MINUTE).await;
    give_back(&app, &ports, &wanted(order, "R-1", &[(mug, 2, Restock)])).await;
    let open = "SELECT CASE WHEN refunded_at IS NULL THEN 'open' ELSE 'made' END FROM payment_refunds";
    app.wind(2 * 60 * MINUTE).await;
    assert_eq!(stage.read(open).await, ["open"]);
    assert_every_invariant(stage).await;
    app.wind(2 * 60 * MINUTE).await;
    assert_eq!(stage.read(open).await, ["made"]);
    assert_every_invariant(stage).await;
    app.finish().await;
}

/// A delivered order of five of product 1 at 100 and two at 90, and one of product 2 at 1,000.
async fn delivered(stage: &Stage) -> OrderId {
    let lines = [(1, 5, 100), (2, 1, 1_000), (1, 2, 90)];
    let placed = stage.commit(async |tx| stage.ports.book.place(tx, &order(&lines), None).await).await.0;
    let path = [
        OrderStatus::Validated,
        OrderStatus::PaymentProcessing,
        OrderStatus::Paid,
        OrderStatus::Shipped,
        OrderStatus::Delivered,
    ];
    for status in path {
        apply(stage, placed.placed.order_id, &change_to(status).unwrap()).await;
    }
    placed.placed.order_id
}

async fn add(stage: &Stage, order: OrderId, reference: &str, lines: &[(i64, i64, ReturnFate)]) -> StoredReturn {
    let line = |&(product, quantity, fate)| ReturnDraftLine { product: ProductId(product), quantity, fate };
    let draft = ReturnDraft { lines: lines.iter().map(line).collect() };
    stage
        .commit(async |tx| {
            stage.ports.book.find(tx, order).await?;
            let sold = stage.ports.returns.sold(tx, order).await?;
            let items = ItemReturn::parse(&draft, &sold, &OrderLimits::default()).unwrap();
            let number = stage.ports.returns.add(tx, order, reference, &items).await?;
            Ok(StoredReturn { number, items })
        })
        .await
}

async fn find(stage: &Stage, order: OrderId, reference: &str) -> Option<StoredReturn> {
    stage.commit(async |tx| stage.ports.returns.find(tx, order, reference).await).await
}

pub(crate) async fn a_return_is_found_under_its_reference_as_it_was_made(stage: &Stage) {
    let order = delivered(stage).await;
    let first = add(stage, order, "R-1", &[(1, 6, Restock), (2, 1, WriteOff)]).await;
    assert_eq!((first.number, first.items.refund()), (ReturnNumber(1), Money::new(1_590, Currency::GBP)));
    let second = add(stage, order, "R-2", &[(1, 1, WriteOff)]).await;
    assert_eq!((second.number, second.items.refund()), (ReturnNumber(2), Money::new(90, Currency::GBP)));
    assert_eq!(find(stage, order, "R-1").await, Some(first));
    assert_eq!(find(stage, order, "R-2").await, Some(second));
    assert_eq!(find(stage, order, "R-3").await, None);
    assert_eq!(find(stage, OrderId(404), "R-1").await, None);
    let sold = stage.commit(async |tx| stage.ports.returns.sold(tx, order).await).await;
    let back: Vec<_> = sold.iter().map(|sold| (sold.place, sold.line.product.0, sold.returned)).collect();
    assert_eq!(back, [(1, 1, 5), (2, 2, 1), (3, 1, 2)]);
    let seen = stage.ports.orders.order(&tenant(), order).await.unwrap().unwrap();
    assert_eq!(seen.lines, sold);
}

/// Each tries for itself, as a caller does.
async fn return_at_once(stage: &Stage, wanted: Vec<ReturnItems>) -> Vec<Result<Returned, ReturnError>> {
    let ports = orderly_orders::Ports {
        book: stage.ports.book.clone(),
        returns: stage.ports.returns.clone(),
        catalog: stage.ports.catalog.clone(),
        settings: orderly_orders::Settings::default(),
    };
    let callers = wanted.iter().map(async |wanted| {
        let mut work = stage.begin();
        let returned = return_items(&ports, &mut work, wanted, None).await;
        match returned {
            Ok(_) => work.commit().await.unwrap(),
            Err(_) => work.rollback().await.unwrap(),
        }
        returned
    });
    join_all(callers).await
}

pub(crate) async fn of_many_who_return_the_last_unit_at_once_one_is_believed(stage: &Stage) {
    let order = delivered(stage).await;
    let callers = (0..20).map(|caller| wanted(order, &format!("R-{caller}"), &[(ProductId(2), 1, Restock)])).collect();
    let returned = return_at_once(stage, callers).await;
    assert_eq!(returned.iter().filter(|returned| returned.is_ok()).count(), 1);
    let refused = returned.iter().filter(|returned| matches!(returned, Err(ReturnError::Refused(_)))).count();
    assert_eq!(refused, 19, "{returned:?}");
}

pub(crate) async fn many_who_return_under_one_reference_at_once_make_one_return(stage: &Stage) {
    let order = delivered(stage).await;
    let callers = (0..20).map(|_| wanted(order, "R-1", &[(ProductId(1), 2, Restock)])).collect();
    let returned = return_at_once(stage, callers).await;
    let returned: Vec<_> = returned.into_iter().map(Result::unwrap).collect();
    assert_eq!(returned.iter().filter(|returned| returned.is_new).count(), 1);
    assert!(returned.iter().all(|each| each.stored == returned[0].stored));
}

pub(crate) async fn what_came_back_once_is_put_away_once(stage: &Stage) {
    let (product, broken) = (ProductId(1), ProductId(2));
    stage.commit(async |tx| stage.ports.warehouse.open(tx, &[(product, 10), (broken, 3)]).await).await;
    let back = [
        TakenBack { product, restocked: 2, written_off: 1 },
        TakenBack { product: broken, restocked: 0, written_off: 4 },
    ];
    for _ in 0..2 {
        stage.commit(async |tx| stage.ports.stockroom.take_back(tx, OrderId(7), ReturnNumber(1), &back).await).await;
    }
    let level = async |product| stage.ports.warehouse.level(&tenant(), product).await.unwrap().unwrap().stock;
    assert_eq!(level(product).await, Stock::new(12, 0, 0).unwrap());
    assert_eq!(level(broken).await, Stock::new(3, 0, 0).unwrap());
    stage.commit(async |tx| stage.ports.stockroom.take_back(tx, OrderId(7), ReturnNumber(2), &back[..1]).await).await;
    assert_eq!(level(product).await, Stock::new(14, 0, 0).unwrap());
    let movements = "SELECT kind || ' ' || units FROM stock_movements WHERE product_id = 1 ORDER BY id";
    assert_eq!(stage.read(movements).await, ["received 10", "returned 2", "returned 2"]);
}

pub(crate) async fn a_refund_is_debited_and_credited_once(stage: &Stage) {
    let (capture, amount) = (CaptureId::new("cap_1"), Money::new(900, Currency::GBP));
    let intent = ledger::intent(1, IntentState::Captured { capture, amount });
    ledger::save(stage, &intent).await;
    let key = RefundKey { order: OrderId(1), number: ReturnNumber(1) };
    let part = Money::new(400, Currency::GBP);
    let refund = Refund::request(key, part, &intent, &[]).unwrap();
    let refunds = &stage.ports.refunds;
    assert_eq!(refunds.look_up(&tenant(), key).await.unwrap(), None);
    stage.commit(async |tx| refunds.add(tx, &refund).await).await;
    assert_eq!(refunds.look_up(&tenant(), key).await.unwrap(), Some(refund));
    for state in [AttemptState::Submitted, AttemptState::Approved] {
        stage.commit(async |tx| refunds.note_attempt(tx, key, 1, state).await).await;
    }
    for _ in 0..2 {
        stage.wind(Duration::from_secs(1)).await;
        stage.commit(async |tx| refunds.is_made(tx, key).await).await;
    }
    let made = Refund::from_stored(key, part, true);
    assert_eq!(stage.commit(async |tx| refunds.of_order(tx, OrderId(1)).await).await, [made]);
    assert_eq!(stage.read("SELECT state FROM refund_attempts").await, ["approved"]);
    let entries = "SELECT account || ' ' || debit_minor || ' ' || credit_minor FROM ledger_entries
                   WHERE deed = 'refund' ORDER BY id";
    assert_eq!(stage.read(entries).await, ["provider 0 400", "order 400 0"]);
}

pub(crate) async fn returns_are_told_and_ended_orders_found_by_reference(stage: &Stage) {
    let place = async |reference: &str| {
        let order = order(&[(1, 1, 100)]);
        stage.commit(async |tx| stage.ports.book.place(tx, &order, Some(reference)).await).await.0.placed.order_id
    };
    let (first, _second) = (place("536365").await, place("536366").await);
    apply(stage, first, &change_to(OrderStatus::Cancelled).unwrap()).await;
    let ended = stage.ports.overview.ended_under(&tenant(), &["536365", "536366", "536367"]).await.unwrap();
    assert_eq!(ended, [("536365".to_owned(), first, OrderStatus::Cancelled)]);

    assert_eq!(stage.ports.overview.returns(&tenant()).await.unwrap(), Vec::<String>::new());
    let order = delivered(stage).await;
    add(stage, order, "C536367:12", &[(1, 1, Restock)]).await;
    assert_eq!(stage.ports.overview.returns(&tenant()).await.unwrap(), ["C536367:12"]);
}

pub(crate) async fn returns_are_kept_apart(stage: &Stage) {
    let order = delivered(stage).await;
    add(stage, order, "R-1", &[(1, 1, Restock)]).await;
    let other = Tenant::new("globex");
    let ports = &stage.ports;
    assert_eq!(stage.commit_of(&other, async |tx| ports.returns.find(tx, order, "R-1").await).await, None);
    assert_eq!(stage.commit_of(&other, async |tx| ports.returns.sold(tx, order).await).await, []);
    assert_eq!(ports.overview.returns(&other).await.unwrap(), Vec::<String>::new());
    assert_eq!(ports.overview.ended_under(&other, &["R-1"]).await.unwrap(), []);
    let key = RefundKey { order, number: ReturnNumber(1) };
    let refund = Refund::from_stored(key, Money::new(100, Currency::GBP), false);
    stage.commit(async |tx| ports.refunds.add(tx, &refund).await).await;
    assert_eq!(ports.refunds.look_up(&other, key).await.unwrap(), None);
    stage.commit_of(&other, async |tx| ports.refunds.is_made(tx, key).await).await;
    assert_eq!(stage.commit(async |tx| ports.refunds.of_order(tx, order).await).await, [refund]);
}
