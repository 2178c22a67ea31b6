//! Crashes: the process dies at any await of a delivery, and nothing is lost or doubled.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{Stage, Subject};
use crate::{
    Bus, Key, Kind, Message, Module, Msg, Result, Saga, SagaConsumer, Start, Step, Tx, Worker, begin, finish,
    ports::{Engine, Transport},
    stay,
    testing::{Faulty, Harness},
    to,
};

/// More polls than this and a delivery is no longer a short story.
const POLLS_MAX: usize = 3_000;
/// So many awaits at least are crashed at: each call of a port is one before and one after it.
const POLLS_MIN: usize = 30;
/// A server undoes in this time what a connection had begun that broke off. Real time: it only bounds a failure.
const UNDOING_MAX: Duration = Duration::from_secs(20);
const REMIND_AFTER: Duration = Duration::from_secs(5);

macro_rules! message {
    ($name:ident, $wire:literal, $kind:ident) => {
        #[derive(Debug, Serialize, Deserialize)]
        pub(super) struct $name {
            pub(super) order: usize,
        }

        impl Message for $name {
            const NAME: &'static str = $wire;
            const KIND: Kind = Kind::$kind;
            fn key(&self) -> Key {
                Key::new("order", self.order)
            }
        }
    };
}

message!(Reserve, "case.reserve", Command);
message!(Reserved, "case.reserved", Event);
message!(Shipped, "case.shipped", Event);
message!(Closed, "case.closed", Event);

/// Without a transaction: settled in a batch, with what it sends.
async fn reserve(Msg(reserve): Msg<Reserve>, bus: Bus) -> Result {
    bus.publish(Reserved { order: reserve.order });
    Ok(())
}

/// Within a transaction: settled with what it writes and sends.
async fn ship<S: Subject>(Msg(reserved): Msg<Reserved>, mut tx: Tx, bus: Bus) -> Result {
    S::write(&mut tx, &format!("order {}", reserved.order), "shipped").await?;
    bus.publish(Shipped { order: reserved.order });
    Ok(())
}

async fn close(Msg(_): Msg<Closed>) -> Result {
    Ok(())
}

/// Counts what reaches it, so that an effect that happens twice is seen.
struct Tally;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Counts {
    order: usize,
    reserved: u32,
    shipped: u32,
    reminded: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Where {
    Open,
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Timer {
    Remind,
}

#[derive(Debug)]
enum Event {
    Reserved(usize),
    Shipped,
    Remind,
}

impl From<Timer> for Event {
    fn from(timer: Timer) -> Self {
        match timer {
            Timer::Remind => Self::Remind,
        }
    }
}

impl Saga for Tally {
    const NAME: &'static str = "case.tally";
    type Facts = Counts;
    type State = Where;
    type Event = Event;
    type Change = Infallible;
    type Timer = Timer;

    fn start(&self, event: Event) -> Start<Self> {
        match event {
            Event::Reserved(order) => {
                let counts = Counts { order, reserved: 1, ..Counts::default() };
                begin(counts, to(Where::Open).after(REMIND_AFTER, Timer::Remind))
            }
            Event::Shipped | Event::Remind => Start::TooEarly,
        }
    }

    fn step(&self, counts: &mut Counts, state: Where, event: Event) -> Step<Self> {
        match event {
            Event::Reserved(_) => counts.reserved += 1,
            Event::Shipped => counts.shipped += 1,
            Event::Remind => counts.reminded += 1,
        }
        match (counts.shipped, counts.reminded, state) {
            (1.., 1.., Where::Open) => finish(Where::Closed).publish(Closed { order: counts.order }),
            (.., Where::Open | Where::Closed) => stay(),
        }
    }
}

/// Every call of a port is an await of its own, even where the engine answers at once.
fn worker<S: Subject>(engine: impl Engine) -> Worker {
    Worker::new(Faulty::new(engine, 0).rate(0.0).pausing()).module(module::<S>())
}

/// The story of an order: reserved, shipped, tallied by a saga, reminded of by its timer, closed.
pub(super) fn module<S: Subject>() -> Module<()> {
    let tally =
        SagaConsumer::new(Tally, ()).on(|Reserved { order }| Event::Reserved(order)).on(|_: Shipped| Event::Shipped);
    Module::new("case", ())
        .consume("reserve", reserve)
        .consume("ship", ship::<S>)
        .endpoint("tally", |e| e.saga(tally))
        .consume("close", close)
}

/// Polls a future so many times and then drops it, as a crash would. Says whether it had come to its end.
pub(super) async fn ends_within(polls: usize, story: impl Future<Output = ()>) -> bool {
    let mut story = pin!(story);
    let mut left = polls;
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        story.as_mut().poll(context).map(|()| true)
    })
    .await
}

/// The story of one order is told again and again, and breaks off one await later each time, until it comes to its end.
/// Whoever comes afterwards finds what was left, and makes it whole.
pub async fn a_crash_at_any_await_loses_and_doubles_nothing<S: Subject>(stage: &mut Stage<S>) {
    survive::<S>(stage, S::CRASH_EVERY_AWAITS, || worker::<S>(stage.engine()), async || {}).await;
}

/// The same with a transport of another kind than the store, at every so many awaits. `meanwhile` happens after each
/// crash.
pub(super) async fn survive_apart<S: Subject>(
    stage: &Stage<S>,
    every: usize,
    transport: impl Transport + Clone,
    meanwhile: impl AsyncFn(),
) {
    let transport = Faulty::new(transport, 0).rate(0.0).pausing();
    survive::<S>(stage, every, || worker::<S>(stage.engine()).via(transport.clone()), meanwhile).await;
}

async fn survive<S: Subject>(stage: &Stage<S>, every: usize, worker: impl Fn() -> Worker, meanwhile: impl AsyncFn()) {
    let mut app = Harness::start(worker(), stage.clock()).await;
    let mut heir = Harness::start(worker(), stage.clock()).await;
    for order in (0..POLLS_MAX).step_by(every) {
        app.send(Reserve { order }).await;
        let ended = ends_within(order, async {
            app.settle().await;
            app.wind(REMIND_AFTER).await;
        })
        .await;
        meanwhile().await;
        heir.wind(Duration::from_secs(600)).await;
        // What a server is still undoing is locked, and passed over until the next look.
        let undone_by = Instant::now() + UNDOING_MAX;
        while !has_ended(stage, &heir, order).await && Instant::now() < undone_by {
            heir.wind(Duration::from_secs(600)).await;
        }

        let story = format!("after a crash at await {order}:\n{}", heir.transcript());
        assert_told_once(stage, &heir, order, &story).await;
        assert_eq!(stage.engine().depth().await.unwrap(), [], "{story}");
        assert_eq!(stage.dead_letters().await, [], "{story}");
        if ended {
            app.finish().await;
            heir.finish().await;
            assert!(order >= POLLS_MIN, "a story of {order} awaits proves little");
            return;
        }
    }
    unreachable!("the story did not end within {POLLS_MAX} awaits");
}

async fn has_ended<S: Subject>(stage: &Stage<S>, app: &Harness, order: usize) -> bool {
    let tally = app.saga::<Tally>(&Key::new("order", order)).await;
    tally.is_some_and(|(state, _)| state == Where::Closed) && stage.engine().depth().await.unwrap().is_empty()
}

/// Each effect of the order's story happened, and happened once.
pub(super) async fn assert_told_once<S: Subject>(stage: &Stage<S>, app: &Harness, order: usize, story: &str) {
    assert_eq!(stage.read(&format!("order {order}")).await.as_deref(), Some("shipped"), "{story}");
    let tally = app.saga::<Tally>(&Key::new("order", order)).await;
    let once = Counts { order, reserved: 1, shipped: 1, reminded: 1 };
    assert_eq!(tally, Some((Where::Closed, once)), "{story}");
}
