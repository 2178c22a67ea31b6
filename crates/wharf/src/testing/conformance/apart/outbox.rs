//! P2: what was sent waits in the store until the transport has confirmed it, in whatever state the transport is.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};

use super::{Apart, Carrier};
use crate::{
    Bus, DeadLetterFilter, Key, Kind, Message, Module, Msg, Outgoing, Result, State, Tenant, Worker,
    ports::{Outcome, Store, Transport},
    testing::{
        Unruly,
        conformance::{Subject, crash, stage::LEASE},
    },
};

const HOUR: Duration = Duration::from_secs(3600);

/// Work without effects of its own: each run is told, and a copy is run again.
#[derive(Serialize, Deserialize)]
struct Work {
    n: u32,
}

impl Message for Work {
    const NAME: &'static str = "case.work";
    const KIND: Kind = Kind::Command;
    fn key(&self) -> Key {
        Key::new("case", self.n)
    }
}

#[derive(Serialize, Deserialize)]
struct Poison {}

impl Message for Poison {
    const NAME: &'static str = "case.poison";
    const KIND: Kind = Kind::Command;
    fn key(&self) -> Key {
        Work { n: 7 }.key()
    }
}

#[derive(Serialize, Deserialize)]
struct InLine {
    key: u32,
    n: u32,
}

impl Message for InLine {
    const NAME: &'static str = "case.in-line";
    fn key(&self) -> Key {
        Key::new("line", self.key)
    }
}

async fn in_line(Msg(one): Msg<InLine>, State(ran): State<mpsc::UnboundedSender<InLine>>) -> Result {
    let _ = ran.send(one);
    Ok(())
}

type Ran = mpsc::UnboundedSender<u32>;

async fn work(Msg(work): Msg<Work>, State(ran): State<Ran>) -> Result {
    let _ = ran.send(work.n);
    Ok(())
}

async fn swallow(Msg(_): Msg<Poison>, State(ran): State<Ran>, bus: Bus) -> Result {
    let _ = ran.send(0);
    bus.send(Work { n: 99 });
    Ok(())
}

fn module() -> (Module<Ran>, mpsc::UnboundedReceiver<u32>) {
    let (ran, runs) = mpsc::unbounded_channel();
    (module_of(ran), runs)
}

fn module_of(ran: Ran) -> Module<Ran> {
    Module::new("case", ran).endpoint("work", |e| e.consume("work", work).consume("swallow", swallow))
}

fn all(runs: &mut mpsc::UnboundedReceiver<u32>) -> Vec<u32> {
    let mut all: Vec<_> = std::iter::from_fn(|| runs.try_recv().ok()).collect();
    all.sort_unstable();
    all
}

impl<S: Subject, C: Carrier> Apart<S, C> {
    /// How much waits for an endpoint in the store, due or not.
    async fn waiting(&self, endpoint: &str) -> u64 {
        let depths = self.in_the_store().await;
        depths.iter().filter(|depth| depth.endpoint == endpoint).map(|depth| depth.due + depth.delayed).sum()
    }
}

pub async fn what_is_sent_waits_in_the_outbox_until_it_is_confirmed<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    let (module, mut runs) = module();
    let mut app = apart.app(apart.transport(), module).await;

    app.send(Work { n: 1 }).await;
    assert_eq!(apart.waiting("outbox:work").await, 1);
    assert_eq!(apart.on_the_transport().await, []);

    app.settle().await;
    assert_eq!(all(&mut runs), [1]);
    assert_eq!(apart.in_the_store().await, []);
    app.finish().await;
}

pub async fn while_the_transport_is_away_the_outbox_grows_and_no_attempt_is_counted<S: Subject, C: Carrier>(
    apart: &mut Apart<S, C>,
) {
    const ORDERS: usize = 20;
    let transport = Unruly::new(apart.transport());
    let mut app = apart.app(transport.clone(), crash::module::<S>()).await;
    transport.leave();
    for order in 0..ORDERS / 2 {
        app.send(crash::Reserve { order }).await;
    }
    app.wind(HOUR).await;
    for order in ORDERS / 2..ORDERS {
        app.send(crash::Reserve { order }).await;
    }

    assert_eq!(apart.waiting("outbox:reserve").await, ORDERS as u64);
    let asked = transport.asked_in_vain();
    assert!((2..=200).contains(&asked), "in an hour it was asked {asked} times: at first often, then every 30 s");
    assert!(app.client().is_idle().await.is_err(), "nobody knows what waits there");

    transport.come_back();
    assert!(matches!(app.client().is_idle().await, Ok(false)), "it waits in the outbox");
    app.wind(HOUR).await;
    let story = app.transcript();
    for order in 0..ORDERS {
        crash::assert_told_once(&apart.stage, &app, order, &story).await;
    }
    let blamed: Vec<_> = story.lines().filter(|line| line.contains('✗')).collect();
    assert_eq!(blamed, [""; 0], "no message was at fault");
    app.finish().await;
}

pub async fn a_message_that_is_refused_holds_up_only_its_key<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    let (module, mut runs) = module();
    let transport = Unruly::new(apart.transport()).refusing(Poison::NAME);
    let mut app = apart.app(transport, module).await;

    app.send(Poison {}).await;
    for n in [7, 1, 2, 3] {
        app.send(Work { n }).await;
    }
    app.settle().await;
    assert_eq!(all(&mut runs), [1, 2, 3]);

    app.wind(HOUR).await;
    let letters = app.dead_letters().await;
    let [letter] = letters.as_slice() else { unreachable!("one dead letter, not {letters:?}") };
    assert_eq!((letter.endpoint.as_str(), &*letter.envelope.name), ("outbox:work", Poison::NAME));
    assert_eq!((letter.code.as_str(), letter.envelope.attempt), ("W0018", 9));
    assert_eq!((all(&mut runs), apart.waiting("outbox:work").await), (vec![], 1));

    let discarded = apart.stage.engine().discard(&DeadLetterFilter::default()).await.unwrap();
    app.settle().await;
    assert_eq!((discarded, all(&mut runs)), (1, vec![7]));
    app.finish().await;
}

pub async fn a_message_given_up_by_the_relay_is_redriven_by_it<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    let (refused, _runs) = module();
    let mut app = apart.app(Unruly::new(apart.transport()).refusing(Poison::NAME), refused).await;
    app.send(Poison {}).await;
    app.wind(HOUR).await;
    app.leaving_behind();

    let (mended, mut runs) = module();
    let mut app = apart.app(apart.transport(), mended).await;
    assert_eq!(app.redrive(&DeadLetterFilter::default()).await, 1);
    app.settle().await;

    assert_eq!(all(&mut runs), [0, 99]);
    // The relay's attempts were its own.
    assert_eq!(app.transcript(), "work ← case.poison case:7 (redrive 1) ⇒ case.work\nwork ← case.work case:99");
    app.finish().await;
}

pub async fn a_delayed_message_waits_in_the_store<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    let (module, mut runs) = module();
    let mut app = apart.app(apart.transport(), module).await;
    let work = app.client().begin(&Tenant::default()).unwrap();
    work.bus.send_after(HOUR, Work { n: 1 });
    work.commit().await.unwrap();

    app.wind(HOUR - Duration::from_micros(1)).await;
    assert_eq!((all(&mut runs), apart.waiting("outbox:work").await), (vec![], 1));
    assert_eq!(apart.on_the_transport().await, []);

    app.wind(Duration::from_micros(1)).await;
    assert_eq!(all(&mut runs), [1]);
    app.finish().await;
}

pub async fn o07_what_was_confirmed_and_not_marked_is_sent_again_and_known<S: Subject, C: Carrier>(
    apart: &mut Apart<S, C>,
) {
    let mut app = apart.app(apart.transport(), crash::module::<S>()).await;
    app.send(crash::Reserve { order: 1 }).await;
    // A relay sends it, hears the confirmation, and dies.
    let row = apart.stage.claim_one("outbox:reserve").await;
    let message = Outgoing::new(Arc::from("reserve"), row.envelope, row.body);
    apart.transport().send(&[message]).await.unwrap();
    app.settle().await;
    assert_eq!(apart.stage.read("order 1").await.as_deref(), Some("shipped"));

    app.wind(LEASE * 2).await;

    let story = app.transcript();
    assert!(story.contains("reserve ← case.reserve order:1 ⊘ handled before"), "{story}");
    crash::assert_told_once(&apart.stage, &app, 1, &story).await;
    let gone = apart.stage.settle(row.lease, Outcome::Done).await;
    assert!(!gone, "the next relay has marked it");
    app.finish().await;
}

pub async fn o08_two_relays_send_each_message_once<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    const MESSAGES: u32 = 200;
    let (ran, mut runs) = mpsc::unbounded_channel();
    let worker = || Worker::new(apart.stage.engine()).via(apart.transport()).module(module_of(ran.clone()));
    let client = worker().ready().await.expect("a sound worker").client("test");
    for n in 1..=MESSAGES {
        client.send(&Tenant::default(), Work { n }).await.unwrap();
    }
    let stop = Arc::new(Notify::new());
    let workers: Vec<_> = (0..2)
        .map(|_| {
            let (worker, stop) = (worker(), Arc::clone(&stop));
            tokio::spawn(async move { worker.run_until(stop.notified()).await })
        })
        .collect();

    let mut ran = Vec::new();
    while ran.len() < MESSAGES as usize {
        ran.push(runs.recv().await.expect("the workers run"));
    }
    stop.notify_waiters();
    for worker in workers {
        worker.await.unwrap().unwrap();
    }

    ran.extend(all(&mut runs));
    ran.sort_unstable();
    assert_eq!(ran, (1..=MESSAGES).collect::<Vec<_>>(), "a copy would have run as well");
    assert_eq!((apart.in_the_store().await, apart.on_the_transport().await), (vec![], vec![]));
}

pub async fn o08_relays_side_by_side_keep_the_order_of_each_key<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    const MESSAGES: u32 = 200;
    const KEYS: u32 = 20;
    let (ran, mut runs) = mpsc::unbounded_channel();
    let consumer =
        Module::new("case", ran).endpoint("in-line", |e| e.concurrency(1).prefetch(1).consume("work", in_line));
    let consumer = Worker::new(apart.stage.engine()).via(apart.transport()).module(consumer).ready().await.unwrap();
    let client = consumer.client("test");
    for n in 0..MESSAGES {
        client.publish(&Tenant::default(), InLine { key: n % KEYS, n }).await.unwrap();
    }
    let stop = Arc::new(Notify::new());
    let stopped = |stop: &Arc<Notify>| Arc::clone(stop).notified_owned();
    let mut workers = vec![tokio::spawn(consumer.run_until(stopped(&stop)))];
    for _ in 0..2 {
        let relay = Worker::new(apart.stage.engine()).via(apart.transport()).ready().await.unwrap();
        workers.push(tokio::spawn(relay.run_until(stopped(&stop))));
    }

    let mut of_keys = BTreeMap::<u32, Vec<u32>>::new();
    for _ in 0..MESSAGES {
        let InLine { key, n } = runs.recv().await.expect("the workers run");
        of_keys.entry(key).or_default().push(n);
    }
    stop.notify_waiters();
    for worker in workers {
        worker.await.unwrap();
    }
    assert_eq!(of_keys.len(), KEYS as usize);
    assert!(of_keys.values().all(|of_key| of_key.is_sorted()), "{of_keys:?}");
}
