//! Orders that do not get on: they expire in batches, and whoever cannot is listed.

use std::{sync::Arc, time::Duration};

use orderly_contracts::OrderId;
use orderly_infrastructure::{Settings, Simulators, audit::audit, simulators};
use orderly_orders::{OrderChange, Stall, domain::OrderStatus};
use wharf::Tenant;

use crate::{
    book::{apply, order_in},
    failing_stockroom::FailingStockroom,
    log::Log,
    pipeline::{MINUTE, open_over, place, status},
    stage::Stage,
};

const PATIENCE: Duration = Duration::from_secs(720);
const GRACE: Duration = Duration::from_secs(120);

/// The stalled orders, with why.
async fn stalled(stage: &Stage) -> Vec<(OrderId, Stall)> {
    let stalled = stage.ports.overview.stalled(PATIENCE, GRACE, 100).await.unwrap();
    stalled.into_iter().map(|stalled| (stalled.order, stalled.why)).collect()
}

/// As if the clock had jumped: every order is stale at once.
pub(crate) async fn o39_a_sweep_expires_no_more_than_its_batch_and_raises_an_alarm(stage: &Stage) {
    let log = Log::start();
    let undecided = Simulators { approval_rate: 0.0, pending_rate: 1.0, ..Simulators::default() };
    let providers = simulators::open(&Settings { simulators: undecided, ..stage.settings.clone() }).await.unwrap();
    let settings = orderly_orders::Settings { expiry_batch_max_orders: 3, ..orderly_orders::Settings::default() };
    let stockroom = stage.ports.stockroom.clone();
    let (mut app, ports, mug) = open_over(stage, settings, stockroom, providers.gateway, providers.carrier).await;
    let mut orders = Vec::new();
    for _ in 0..8 {
        orders.push(place(&app, &ports, mug).await);
    }
    let expired = async || {
        let mut expired = 0;
        for &order in &orders {
            expired += usize::from(status(stage, order).await == OrderStatus::Expired);
        }
        expired
    };
    app.settle().await;
    let mut alarms = Vec::new();
    let mut by_minute = Vec::new();
    for _ in 0..14 {
        app.wind(MINUTE).await;
        alarms.extend(log.take("has the clock jumped?"));
        by_minute.push(expired().await);
    }
    by_minute.dedup();
    assert_eq!(by_minute, [0, 3, 6, 8], "minute by minute");
    let counts: Vec<_> = alarms.iter().map(|line| line.rsplit("jumped? ").next().unwrap()).collect();
    assert_eq!(counts, ["expired=3 left=5", "expired=3 left=2"]);
    assert!(alarms.iter().all(|line| line.starts_with("ERROR")), "{alarms:?}");
    let report = audit(&stage.settings).await.unwrap();
    assert!(report.holds(), "{report}");
    app.finish().await;
}

pub(crate) async fn o12_an_order_whose_message_was_given_up_is_listed_as_stalled(stage: &Stage) {
    let approving = Simulators { approval_rate: 1.0, pending_rate: 0.0, ..Simulators::default() };
    let providers = simulators::open(&Settings { simulators: approving, ..stage.settings.clone() }).await.unwrap();
    let damaged = FailingStockroom::new(stage.ports.stockroom.clone(), |order| order == OrderId(2));
    let settings = orderly_orders::Settings::default();
    let (mut app, ports, mug) =
        open_over(stage, settings, Arc::new(damaged), providers.gateway, providers.carrier).await;
    for _ in 0..3 {
        place(&app, &ports, mug).await;
    }
    app.wind(Duration::from_secs(30)).await;
    assert_eq!(app.dead_letters().await.len(), 1, "after three retries");
    assert_eq!(stalled(stage).await, [(OrderId(2), Stall::GivenUp)]);
    for order in [1, 3] {
        assert_eq!(status(stage, OrderId(order)).await, OrderStatus::Delivered);
    }
    app.leaving_behind();
}

pub(crate) async fn orders_that_do_not_get_on_are_listed_with_their_reason(stage: &Stage) {
    let halted = order_in(stage, OrderStatus::Paid).await;
    apply(stage, halted, &OrderChange::Halted { reason: "nobody answers".to_owned() }).await;
    assert_eq!(stalled(stage).await, [(halted, Stall::NeedsAttention)]);
    stage.wind(Duration::from_micros(1)).await;
    let mut waiting = Vec::new();
    for status in OrderStatus::ALL {
        let order = order_in(stage, status).await;
        if matches!(status, OrderStatus::Pending | OrderStatus::Validated | OrderStatus::PaymentProcessing) {
            waiting.push(order);
        }
    }
    stage.wind(PATIENCE).await;
    assert_eq!(stalled(stage).await, [(halted, Stall::NeedsAttention)], "not a microsecond before");
    stage.wind(Duration::from_micros(1)).await;
    let overdue = waiting.iter().map(|&order| (order, Stall::Overdue));
    assert_eq!(stalled(stage).await, [(halted, Stall::NeedsAttention)].into_iter().chain(overdue).collect::<Vec<_>>());
    // The saga's own timers, of a tenant of whom nobody thought.
    let timer = "INSERT INTO {timers} (tenant, saga, key, name, generation, due_at, endpoint, takes_turns, trail)
         VALUES ('globex', 'orders.fulfilment', 'order:404', 'Overall', 1, 1, 'order-saga', FALSE, '{}')";
    stage.write_to_wharf(timer).await;
    let first = stage.ports.overview.stalled(PATIENCE, GRACE, 1).await.unwrap();
    assert_eq!(
        (&first[0].tenant, first[0].order, first[0].why),
        (&Tenant::new("globex"), OrderId(404), Stall::Overdue)
    );
}
