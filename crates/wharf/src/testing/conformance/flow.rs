//! The whole way on this engine: handlers, a worker, a harness, and faults at every port call.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};

use super::{Stage, Subject};
use crate::{
    Attempt, Bus, Failure, Key, Kind, Limits, Message, Module, Msg, Result, Retry, State, Tenant, Tx, Worker,
    ports::Engine,
    testing::{Faulty, Harness},
};

#[derive(Serialize, Deserialize)]
pub(super) struct Reserve {
    pub(super) order: u32,
}

impl Message for Reserve {
    const NAME: &'static str = "case.reserve";
    const KIND: Kind = Kind::Command;
    fn key(&self) -> Key {
        Key::new("order", self.order)
    }
}

#[derive(Serialize, Deserialize)]
struct Reserved {
    order: u32,
}

impl Message for Reserved {
    const NAME: &'static str = "case.reserved";
    fn key(&self) -> Key {
        Key::new("order", self.order)
    }
}

/// Told of each run of the last handler.
pub(super) type Ran = mpsc::UnboundedSender<u32>;

/// Without a transaction: settled in a batch, with what it sends.
async fn reserve(Msg(reserve): Msg<Reserve>, bus: Bus) -> Result {
    bus.publish(Reserved { order: reserve.order });
    Ok(())
}

/// Within a transaction: settled with what it writes. Orders that are multiples of three fail once, having written.
async fn ship<S: Subject>(
    Msg(reserved): Msg<Reserved>,
    mut tx: Tx,
    State(ran): State<Ran>,
    attempt: Attempt,
) -> Result {
    let order = reserved.order;
    S::write(&mut tx, &format!("order {order}"), &format!("shipped at attempt {}", attempt.number)).await?;
    let _ = ran.send(order);
    if order.is_multiple_of(3) && attempt.number == 1 {
        return Err(Failure::retry("the van is full"));
    }
    Ok(())
}

async fn count(Msg(_): Msg<Reserved>) -> Result {
    Ok(())
}

fn worker<S: Subject>(engine: impl Engine) -> (Worker, mpsc::UnboundedReceiver<u32>) {
    let (module, runs) = module::<S>();
    (Worker::new(engine).module(module).limits(patient_with_crashes()), runs)
}

/// An engine that loses the answers to claims makes it look as if their deliveries killed the process.
pub(super) fn patient_with_crashes() -> Limits {
    Limits { crashes_max: 1_000, ..Limits::default() }
}

pub(super) fn module<S: Subject>() -> (Module<Ran>, mpsc::UnboundedReceiver<u32>) {
    let patient = || Retry::exponential("patient", Duration::from_secs(1), Duration::from_secs(60), 90);
    let (ran, runs) = mpsc::unbounded_channel();
    let module = Module::new("case", ran)
        .endpoint("reserve", |e| e.retry(patient()).consume("reserve", reserve))
        .endpoint("ship", |e| e.retry(patient()).consume("ship", ship::<S>))
        .endpoint("count", |e| e.retry(patient()).consume("count", count));
    (module, runs)
}

impl<S: Subject> Stage<S> {
    async fn assert_shipped(&self, order: u32, what: &str) {
        let shipped = self.read(&format!("order {order}")).await;
        assert!(shipped.is_some_and(|text| text.starts_with("shipped")), "order {order} was never shipped, {what}");
    }
}

pub async fn a_harness_tells_the_story_of_a_flow<S: Subject>(stage: &mut Stage<S>) {
    let (worker, _runs) = worker::<S>(stage.engine());
    let mut app = Harness::start(worker, stage.clock()).await;
    app.send(Reserve { order: 3 }).await;
    app.wind(Duration::from_secs(60)).await;

    let story = [
        "→ case.reserve order:3",
        "reserve ← case.reserve order:3 ⇒ case.reserved",
        "ship ← case.reserved order:3 ✗ W0001 the van is full, again in 1s",
        "count ← case.reserved order:3",
        "-- 1s later",
        "ship ← case.reserved order:3 (attempt 2)",
    ];
    assert_eq!(app.transcript(), story.join("\n"));
    assert_eq!(stage.read("order 3").await.as_deref(), Some("shipped at attempt 2"));
    app.finish().await;
}

/// Time stands still, so only a bell can wake the worker.
pub async fn a_worker_wakes_for_every_step_and_stops_with_nothing_left<S: Subject>(stage: &mut Stage<S>) {
    // None of them a multiple of three, which would wait for time to pass.
    let orders: Vec<u32> = (0..40).map(|n| n * 3 + 1).collect();
    let (worker, mut runs) = worker::<S>(stage.engine());
    let ready = worker.ready().await.expect("a sound worker");
    let (client, stop) = (ready.client("test"), Arc::new(Notify::new()));
    let asked = Arc::clone(&stop);
    let running = tokio::spawn(async move { ready.run_until(asked.notified()).await });

    for &order in &orders {
        client.send(&Tenant::default(), Reserve { order }).await.unwrap();
    }
    let mut ran: Vec<u32> = Vec::new();
    while ran.len() < orders.len() {
        ran.push(runs.recv().await.expect("the worker runs"));
    }
    stop.notify_one();
    running.await.unwrap();

    ran.sort_unstable();
    assert_eq!(ran, orders, "each ran once");
    for order in orders {
        stage.assert_shipped(order, "though its handler ran").await;
    }
    assert_eq!(stage.dead_letters().await, []);
    assert!(stage.claim("ship", 100).await.is_empty(), "what was handled is settled before the worker ends");
}

/// The seed is named by whatever fails.
pub async fn whatever_fails_every_effect_happens_once_and_nothing_is_left<S: Subject>(stage: &mut Stage<S>) {
    const SEEDS: u64 = 10;
    const ORDERS: u32 = 4;
    for seed in 0..SEEDS {
        let orders = || (1..=ORDERS).map(|n| u32::try_from(seed).unwrap_or(0) * ORDERS + n);
        let (calm, _) = worker::<S>(stage.engine());
        let client = calm.ready().await.expect("a sound worker").client("test");
        for order in orders() {
            client.send(&Tenant::default(), Reserve { order }).await.unwrap();
        }
        let faulty = Faulty::new(stage.engine(), seed).rate(0.3);
        let (worker, _runs) = worker::<S>(faulty.clone());

        let mut app = Harness::start(worker, stage.clock()).await;
        app.wind(Duration::from_secs(3600)).await;

        let story = format!("seed {seed}:\n{}", app.transcript());
        for order in orders() {
            stage.assert_shipped(order, &story).await;
            let settled = format!("ship ← case.reserved order:{order}");
            let ended = |line: &&str| line.starts_with(&settled) && !line.contains('✗') && !line.contains('⊘');
            assert!(story.lines().filter(ended).count() <= 1, "order {order} was shipped twice, {story}");
        }
        assert!(faulty.faults() > 0, "seed {seed}");
        app.finish().await;
    }
}
