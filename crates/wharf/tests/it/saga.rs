//! A small saga, told by its transcript: a parcel is booked, picked up, and delivered, unless its carrier is too slow.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use wharf::{
    Envelope, Failure, Guard, Key, Kind, Limits, Memory, MemoryTx, Message, Module, Msg, Recorder, Result, Saga,
    SagaConsumer, Start, Step, Tx, Worker, begin, finish, stay,
    testing::{Harness, ManualClock},
    to,
};

macro_rules! message {
    ($name:ident, $wire:literal, $kind:ident) => {
        #[derive(Debug, Clone, Serialize, Deserialize)]
        struct $name {
            parcel: u32,
        }
        impl Message for $name {
            const NAME: &'static str = $wire;
            const KIND: Kind = Kind::$kind;
            fn key(&self) -> Key {
                Key::new("parcel", self.parcel)
            }
        }
    };
}

message!(Booked, "parcel.booked", Event);
message!(PickUp, "carrier.pick-up", Command);
message!(PickedUp, "carrier.picked-up", Event);
message!(Weighed, "carrier.weighed", Event);
message!(Arrived, "carrier.arrived", Event);
message!(Lost, "parcel.lost", Event);

struct Journey;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Facts {
    parcel: u32,
    weighed: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum State {
    Waiting { asked: u8 },
    UnderWay,
    Delivered,
    GivenUp,
}

#[derive(Debug)]
enum Event {
    Booked(Booked),
    PickedUp,
    Weighed,
    Arrived,
    Slow,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Timer {
    Slow,
}

impl From<Timer> for Event {
    fn from(_: Timer) -> Self {
        Self::Slow
    }
}

const PATIENCE: Duration = Duration::from_secs(30 * 24 * 3600);

impl Saga for Journey {
    const NAME: &'static str = "test.journey";
    type Facts = Facts;
    type State = State;
    type Event = Event;
    type Change = &'static str;
    type Timer = Timer;

    fn start(&self, event: Event) -> Start<Self> {
        match event {
            Event::Booked(Booked { parcel }) => begin(
                Facts { parcel, weighed: 0 },
                to(State::Waiting { asked: 1 }).record("booked").send(PickUp { parcel }).after(PATIENCE, Timer::Slow),
            ),
            Event::PickedUp | Event::Weighed | Event::Arrived | Event::Slow => Start::TooEarly,
        }
    }

    fn step(&self, facts: &mut Facts, state: State, event: Event) -> Step<Self> {
        match state {
            State::Waiting { asked } => waiting(facts, asked, event),
            State::UnderWay => under_way(facts, event),
            State::Delivered | State::GivenUp => stay(),
        }
    }
}

fn waiting(facts: &mut Facts, asked: u8, event: Event) -> Step<Journey> {
    let parcel = facts.parcel;
    match event {
        Event::PickedUp => to(State::UnderWay).record("picked up").after(PATIENCE, Timer::Slow),
        Event::Slow if asked < 2 => {
            to(State::Waiting { asked: asked + 1 }).send(PickUp { parcel }).after(PATIENCE, Timer::Slow)
        }
        // A timer armed by the last step is a mistake that must not outlive the saga.
        Event::Slow => finish(State::GivenUp).record("given up").publish(Lost { parcel }).after(PATIENCE, Timer::Slow),
        Event::Weighed | Event::Booked(_) | Event::Arrived => stay(),
    }
}

fn under_way(facts: &mut Facts, event: Event) -> Step<Journey> {
    match event {
        Event::Arrived => finish(State::Delivered).record("delivered"),
        Event::Slow => finish(State::GivenUp).record("given up").publish(Lost { parcel: facts.parcel }),
        Event::Weighed => {
            facts.weighed += 1;
            stay()
        }
        Event::Booked(_) | Event::PickedUp => stay(),
    }
}

/// Appends each change to the parcel's log.
struct Log;

#[async_trait]
impl Recorder<Journey> for Log {
    async fn record(&self, tx: &mut Tx, facts: &Facts, change: &'static str) -> Result {
        let tx = tx.memory().await?;
        let key = format!("log {}", facts.parcel);
        let log = tx.get(&key).map_or(change.to_owned(), |log| format!("{log}, {change}"));
        tx.put(&key, &log);
        Ok(())
    }
}

async fn pick_up(Msg(_): Msg<PickUp>) -> Result {
    Ok(())
}

async fn mourn(Msg(_): Msg<Lost>) -> Result {
    Ok(())
}

async fn app() -> (Harness, Memory) {
    let clock = ManualClock::new();
    let memory = Memory::with_clock(clock.clone());
    let journey = SagaConsumer::new(Journey, Log)
        .on(Event::Booked)
        .on(|_: PickedUp| Event::PickedUp)
        .on(|_: Weighed| Event::Weighed)
        .on(|_: Arrived| Event::Arrived);
    let module = Module::new("m", ()).saga("journey", journey).consume("carrier", pick_up).consume("mourner", mourn);
    (Harness::start(Worker::new(memory.clone()).module(module), clock).await, memory)
}

fn parcel(n: u32) -> Key {
    Key::new("parcel", n)
}

async fn state(app: &Harness, n: u32) -> Option<State> {
    app.saga::<Journey>(&parcel(n)).await.map(|(state, _)| state)
}

#[tokio::test]
async fn a_journey_goes_its_way() {
    let (mut app, memory) = app().await;
    app.publish(Booked { parcel: 1 }).await;
    app.settle().await;
    app.publish(PickedUp { parcel: 1 }).await;
    app.publish(Arrived { parcel: 1 }).await;
    app.settle().await;

    insta::assert_snapshot!(app.transcript(), @"
    → parcel.booked parcel:1
    journey ← parcel.booked parcel:1 ⇒ carrier.pick-up
    carrier ← carrier.pick-up parcel:1
    → carrier.picked-up parcel:1
    → carrier.arrived parcel:1
    journey ← carrier.picked-up parcel:1
    journey ← carrier.arrived parcel:1
    ");
    assert_eq!(state(&app, 1).await, Some(State::Delivered));
    assert_eq!(memory.get("log 1").await.as_deref(), Some("booked, picked up, delivered"));

    app.wind(PATIENCE * 3).await;
    assert_eq!(app.transcript(), "", "the timers of a finished saga are gone");
    app.finish().await;
}

#[tokio::test]
async fn thirty_days_of_patience_pass_twice_in_no_time() {
    let (mut app, memory) = app().await;
    app.publish(Booked { parcel: 1 }).await;
    app.wind(PATIENCE * 5).await;

    insta::assert_snapshot!(app.transcript(), @"
    → parcel.booked parcel:1
    journey ← parcel.booked parcel:1 ⇒ carrier.pick-up
    carrier ← carrier.pick-up parcel:1
    -- 30d later
    journey ← ⏰ Slow parcel:1 ⇒ carrier.pick-up
    carrier ← carrier.pick-up parcel:1
    -- 30d later
    journey ← ⏰ Slow parcel:1 ⇒ parcel.lost
    mourner ← parcel.lost parcel:1
    ");
    assert_eq!(state(&app, 1).await, Some(State::GivenUp));
    assert_eq!(memory.get("log 1").await.as_deref(), Some("booked, given up"));
}

#[tokio::test]
async fn a_rearmed_timer_does_not_fire_at_its_old_time() {
    let (mut app, _) = app().await;
    app.publish(Booked { parcel: 1 }).await;
    app.wind(PATIENCE / 2).await;
    app.publish(PickedUp { parcel: 1 }).await;
    app.settle().await;
    app.transcript();

    app.wind(PATIENCE - Duration::from_micros(1)).await;
    assert_eq!(app.transcript(), "");
    app.wind(Duration::from_micros(1)).await;
    assert_eq!(state(&app, 1).await, Some(State::GivenUp));
}

#[tokio::test]
async fn a_firing_that_was_overtaken_changes_nothing() {
    let (mut app, _) = app().await;
    app.publish(Booked { parcel: 1 }).await;
    app.settle().await;
    // Both wait at the moment the timer is due, and the event is the older delivery.
    let work = app.client().begin(&Default::default()).unwrap();
    work.bus.publish_after(PATIENCE, PickedUp { parcel: 1 });
    work.commit().await.unwrap();
    app.transcript();

    app.wind(PATIENCE).await;

    insta::assert_snapshot!(app.transcript(), @"
    -- 30d later
    journey ← carrier.picked-up parcel:1
    journey ← ⏰ Slow parcel:1
    ");
    assert_eq!(state(&app, 1).await, Some(State::UnderWay));
}

#[tokio::test]
async fn duplicates_and_late_events_change_nothing() {
    let (mut app, memory) = app().await;
    for _ in 0..3 {
        app.publish(Booked { parcel: 1 }).await;
    }
    app.settle().await;
    for _ in 0..3 {
        app.publish(PickedUp { parcel: 1 }).await;
        app.settle().await;
    }
    for _ in 0..3 {
        app.publish(Arrived { parcel: 1 }).await;
    }
    app.publish(Booked { parcel: 1 }).await;
    app.settle().await;

    assert_eq!(memory.get("log 1").await.as_deref(), Some("booked, picked up, delivered"));
}

#[tokio::test]
async fn facts_may_change_while_the_state_stays() {
    let (mut app, _) = app().await;
    app.publish(Booked { parcel: 1 }).await;
    app.settle().await;
    app.publish(PickedUp { parcel: 1 }).await;
    app.settle().await;
    app.publish(Weighed { parcel: 1 }).await;
    app.publish(Weighed { parcel: 1 }).await;
    app.settle().await;

    let (state, facts) = app.saga::<Journey>(&parcel(1)).await.unwrap();
    assert_eq!((state, facts.weighed), (State::UnderWay, 2));
}

#[tokio::test]
async fn an_event_before_its_time_waits_for_the_first_one() {
    let (mut app, memory) = app().await;
    app.publish(PickedUp { parcel: 1 }).await;
    app.settle().await;
    app.publish(Booked { parcel: 1 }).await;
    app.wind(Duration::from_secs(1)).await;

    insta::assert_snapshot!(app.transcript(), @"
    → carrier.picked-up parcel:1
    journey ← carrier.picked-up parcel:1 ✗ W0007 `carrier.picked-up` came for parcel:1 of saga `test.journey`, which does not exist, again in 1s
    → parcel.booked parcel:1
    journey ← parcel.booked parcel:1 ⇒ carrier.pick-up
    carrier ← carrier.pick-up parcel:1
    -- 1s later
    journey ← carrier.picked-up parcel:1 (attempt 2)
    ");
    assert_eq!(memory.get("log 1").await.as_deref(), Some("booked, picked up"));
}

#[tokio::test]
async fn an_event_whose_saga_never_begins_is_a_dead_letter_with_that_reason() {
    let (mut app, _) = app().await;
    app.publish(PickedUp { parcel: 1 }).await;
    app.wind(Duration::from_secs(21)).await;

    insta::assert_snapshot!(app.transcript(), @"
    → carrier.picked-up parcel:1
    journey ← carrier.picked-up parcel:1 ✗ W0007 `carrier.picked-up` came for parcel:1 of saga `test.journey`, which does not exist, again in 1s
    -- 1s later
    journey ← carrier.picked-up parcel:1 (attempt 2) ✗ W0007 `carrier.picked-up` came for parcel:1 of saga `test.journey`, which does not exist, again in 3s
    -- 3s later
    journey ← carrier.picked-up parcel:1 (attempt 3) ✗ W0007 `carrier.picked-up` came for parcel:1 of saga `test.journey`, which does not exist, again in 7s
    -- 7s later
    journey ← carrier.picked-up parcel:1 (attempt 4) ✗ W0007 `carrier.picked-up` came for parcel:1 of saga `test.journey`, which does not exist, again in 10s
    -- 10s later
    journey ← carrier.picked-up parcel:1 (attempt 4) ✗ W0007 `carrier.picked-up` came for parcel:1 of saga `test.journey`, which does not exist, again in 10s
    ");
    assert_eq!(app.dead_letters().await, [], "whoever held the event that starts it may have crashed");

    app.wind(Limits::default().unknown_message_grace).await;
    assert!(app.transcript().ends_with("which does not exist, ✝ dead letter"), "{}", app.transcript());
    let letters = app.dead_letters().await;
    assert_eq!(letters.iter().map(|letter| letter.code.as_str()).collect::<Vec<_>>(), ["W0007"]);
    app.leaving_behind();
}

/// Lets nothing pass.
struct Closed;

#[async_trait]
impl Guard for Closed {
    async fn admit(&self, _: &Envelope, key: &Key) -> Result {
        Err(Failure::refused(format!("{} may not travel", key.as_str())))
    }
}

#[tokio::test]
async fn what_a_guard_refuses_reaches_no_saga() {
    let clock = ManualClock::new();
    let module = Module::new("parcels", ()).saga("journey", SagaConsumer::new(Journey, Log).on(Event::Booked));
    let module = module.consume("pick-up", pick_up).consume("mourn", mourn).guard(Arc::new(Closed));
    let mut app = Harness::start(Worker::new(Memory::with_clock(clock.clone())).module(module), clock).await;
    app.publish(Booked { parcel: 7 }).await;
    app.settle().await;
    let dead = app.dead_letters().await;
    assert_eq!((dead.len(), dead[0].reason.as_str()), (1, "parcel:7 may not travel"));
    assert_eq!(app.saga::<Journey>(&Key::new("parcel", 7)).await, None);
    app.leaving_behind();
}
