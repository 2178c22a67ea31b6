//! P1: each effect in the store happens once, however often the transport delivers.

use std::{collections::HashSet, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::sync::{Barrier, Notify, mpsc};
use uuid::Uuid;

use super::{Apart, Carrier};
use crate::{
    Bus, Envelope, Key, Kind, Message, Module, Msg, Result, State, Tenant, Tx, Worker,
    ports::Transport,
    testing::{
        Faulty, Harness, Unruly,
        conformance::{Stage, Subject, crash, flow},
    },
};

/// Tells the story of some orders by this transport; nothing of it happens twice.
async fn tell_once<S: Subject>(stage: &Stage<S>, transport: impl Transport, orders: std::ops::Range<usize>) -> String {
    let worker = Worker::new(stage.engine()).via(transport).module(crash::module::<S>());
    let mut app = Harness::start(worker, stage.clock()).await;
    for order in orders.clone() {
        app.send(crash::Reserve { order }).await;
    }
    app.wind(Duration::from_secs(600)).await;
    let story = app.transcript();
    for order in orders {
        crash::assert_told_once(stage, &app, order, &story).await;
    }
    app.finish().await;
    story
}

pub async fn the_story_is_that_of_a_joined_worker<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    let (module, _runs) = flow::module::<S>();
    let mut app = apart.app(apart.transport(), module).await;
    app.send(flow::Reserve { order: 3 }).await;
    app.wind(Duration::from_secs(60)).await;

    let story = [
        "→ case.reserve order:3",
        "reserve ← case.reserve order:3 ⇒ case.reserved",
        "ship ← case.reserved order:3 ✗ W0001 the van is full, again in 1s",
        "count ← case.reserved order:3",
        "-- 1s later",
        "ship ← case.reserved order:3 (attempt 2)",
    ];
    let (mut told, mut expected) = (app.transcript(), story.join("\n"));
    // Endpoints of one moment come in the order of their outboxes' names.
    for text in [&mut told, &mut expected] {
        let mut lines: Vec<_> = text.lines().collect();
        lines.sort_unstable();
        *text = lines.join("\n");
    }
    assert_eq!(told, expected);
    assert_eq!(apart.stage.read("order 3").await.as_deref(), Some("shipped at attempt 2"));
    app.finish().await;
}

pub async fn what_comes_twice_has_its_effects_once<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    let transport = Unruly::new(apart.transport()).delivering_twice();
    let story = tell_once(&apart.stage, transport, 0..3).await;
    assert!(story.contains("handled before"), "{story}");
}

pub async fn a_forgotten_acknowledgement_changes_nothing<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    let transport = Unruly::new(apart.transport()).forgetting_acknowledgements();
    let story = tell_once(&apart.stage, transport, 0..3).await;
    assert!(story.contains("handled before"), "{story}");
}

#[derive(Serialize, Deserialize)]
struct Count {}

impl Message for Count {
    const NAME: &'static str = "case.count";
    const KIND: Kind = Kind::Command;
    fn key(&self) -> Key {
        Key::new("case", 1)
    }
}

#[derive(Serialize, Deserialize)]
struct Counted {}

impl Message for Counted {
    const NAME: &'static str = "case.counted";
    fn key(&self) -> Key {
        Key::new("case", 1)
    }
}

/// Lets two copies come this far before either goes on, and hears which messages they sent.
#[derive(Clone)]
struct Meeting {
    both: Arc<Barrier>,
    counted: mpsc::UnboundedSender<Uuid>,
}

async fn count<S: Subject>(Msg(_): Msg<Count>, State(meeting): State<Meeting>, mut tx: Tx, bus: Bus) -> Result {
    meeting.both.wait().await;
    S::write(&mut tx, "counted", "yes").await?;
    bus.publish(Counted {});
    Ok(())
}

async fn hear(Msg(_): Msg<Counted>, State(meeting): State<Meeting>, envelope: Envelope) -> Result {
    let _ = meeting.counted.send(envelope.id);
    Ok(())
}

pub async fn two_copies_handled_at_once_have_one_effect<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    let (counted, mut heard) = mpsc::unbounded_channel();
    let meeting = Meeting { both: Arc::new(Barrier::new(2)), counted };
    let module = Module::new("case", meeting).consume("count", count::<S>).consume("hear", hear);
    let transport = Unruly::new(apart.transport()).delivering_twice();
    let worker = Worker::new(apart.stage.engine()).via(transport).module(module).ready().await.expect("a sound worker");
    let (client, stop) = (worker.client("test"), Arc::new(Notify::new()));
    let asked = Arc::clone(&stop);
    let running = tokio::spawn(async move { worker.run_until(asked.notified()).await });

    client.send(&Tenant::default(), Count {}).await.unwrap();
    let mut ids = HashSet::new();
    // The event comes twice, too. Had each copy sent one, there would be four.
    for _ in 0..2 {
        ids.insert(heard.recv().await.expect("the worker runs"));
    }
    stop.notify_one();
    running.await.unwrap();

    while let Ok(id) = heard.try_recv() {
        ids.insert(id);
    }
    assert_eq!(ids.len(), 1, "one message was sent, not {ids:?}");
    assert!(apart.in_the_store().await.is_empty(), "none waits to be sent");
    assert_eq!(apart.stage.read("counted").await.as_deref(), Some("yes"));
}

/// The connection breaks off some awaits later each time, and what was not acknowledged comes again at once.
pub async fn what_a_lost_connection_delivers_again_is_known<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    let transport = Unruly::new(apart.transport());
    crash::survive_apart(&apart.stage, 5, transport.clone(), async || transport.lose_connection().await.unwrap()).await;
}

pub async fn a_crash_at_any_await_loses_and_doubles_nothing<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    crash::survive_apart(&apart.stage, S::CRASH_EVERY_AWAITS_APART, apart.transport(), async || {}).await;
}

/// The seed is named by whatever fails.
pub async fn whatever_fails_every_effect_happens_once_and_nothing_is_left<S: Subject, C: Carrier>(
    apart: &mut Apart<S, C>,
) {
    const SEEDS: u64 = 10;
    const ORDERS: u32 = 4;
    for seed in 0..SEEDS {
        let orders = || (1..=ORDERS).map(|n| u32::try_from(seed).unwrap_or(0) * ORDERS + n);
        let store = Faulty::new(apart.stage.engine(), seed).rate(0.3);
        let transport = Faulty::new(apart.transport(), seed.wrapping_mul(31)).rate(0.3);
        let (module, _) = flow::module::<S>();
        let calm = Worker::new(apart.stage.engine()).via(apart.transport()).module(module);
        let client = calm.ready().await.expect("a sound worker").client("test");
        for order in orders() {
            client.send(&Tenant::default(), flow::Reserve { order }).await.unwrap();
        }

        let (module, _runs) = flow::module::<S>();
        let worker = Worker::new(store.clone()).via(transport.clone()).module(module);
        let worker = worker.limits(flow::patient_with_crashes());
        let mut app = Harness::start(worker, apart.stage.clock()).await;
        app.wind(Duration::from_secs(3600)).await;

        let story = format!("seed {seed}:\n{}", app.transcript());
        for order in orders() {
            let shipped = apart.stage.read(&format!("order {order}")).await;
            assert!(
                shipped.is_some_and(|text| text.starts_with("shipped")),
                "order {order} was never shipped, {story}"
            );
            let settled = format!("ship ← case.reserved order:{order}");
            let ended = |line: &&str| line.starts_with(&settled) && !line.contains('✗') && !line.contains('⊘');
            assert!(story.lines().filter(ended).count() <= 1, "order {order} was shipped twice, {story}");
        }
        assert!(store.faults() > 0 && transport.faults() > 0, "seed {seed}");
        app.finish().await;
    }
}
