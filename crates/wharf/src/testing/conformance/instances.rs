//! Saga instances run by a worker: migrated in flight, waited for, and deaf to timers that are no longer theirs.

use std::{collections::BTreeSet, convert::Infallible, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Stage, Subject,
    sagas::id,
    stage::{LEASE, trail},
};
use crate::{
    DeadLetterFilter, Key, Limits, Message, Module, Outgoing, Saga, SagaConsumer, SagaId, SagaRow, Start, Step, Stored,
    Tenant, Worker, begin, finish,
    ports::{Lease, Outcome, Store, TimerArm, TimerFiring},
    stay,
    testing::Harness,
    to,
};

/// What every event of the suite's saga is about.
macro_rules! event {
    ($name:ident, $wire:literal) => {
        #[derive(Serialize, Deserialize)]
        struct $name {}

        impl Message for $name {
            const NAME: &'static str = $wire;
            fn key(&self) -> Key {
                Key::new("case", 1)
            }
        }
    };
}
event!(Begun, "case.begun");
event!(Nudged, "case.nudged");
event!(Ended, "case.ended");

/// A saga that waits, as each version of its code has it. It keeps a tale of what happened to it.
struct Tale<const VERSION: u16>;

/// From here on there is no way on.
const LAST_MIGRATED: u16 = 3;
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Told {
    tale: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Standing {
    Waiting,
    Over,
}

#[derive(Debug)]
enum Event {
    Begun,
    Nudged,
    Ended,
    Slow,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Timer {
    Slow,
}

impl From<Timer> for Event {
    fn from(Timer::Slow: Timer) -> Self {
        Self::Slow
    }
}

impl<const VERSION: u16> Saga for Tale<VERSION> {
    const NAME: &'static str = "case.tale";
    const VERSION: u16 = VERSION;
    type Facts = Told;
    type State = Standing;
    type Event = Event;
    type Change = Infallible;
    type Timer = Timer;

    fn start(&self, event: Event) -> Start<Self> {
        match event {
            Event::Begun => {
                begin(Told { tale: vec!["begun".to_owned()] }, to(Standing::Waiting).after(PATIENCE, Timer::Slow))
            }
            Event::Nudged | Event::Ended | Event::Slow => Start::TooEarly,
        }
    }

    fn step(&self, facts: &mut Told, state: Standing, event: Event) -> Step<Self> {
        match event {
            Event::Begun => return stay(),
            Event::Nudged | Event::Ended | Event::Slow => {}
        }
        facts.tale.push(format!("{event:?} while {state:?}"));
        match event {
            Event::Nudged if state == Standing::Waiting => to(Standing::Waiting).after(PATIENCE, Timer::Slow),
            Event::Ended | Event::Slow => finish(Standing::Over),
            Event::Begun | Event::Nudged => stay(),
        }
    }

    fn migrate(from: u16, mut stored: Stored) -> Option<Stored> {
        if from >= LAST_MIGRATED {
            return None;
        }
        stored.facts["tale"].as_array_mut()?.push(format!("migrated from {from}").into());
        Some(stored)
    }
}

const KEEPER: &str = "tale";

impl<S: Subject> Stage<S> {
    /// A worker as one version of the code has it. The versions before it are gone.
    async fn tale<const VERSION: u16>(&self) -> Harness {
        let tale = SagaConsumer::new(Tale::<VERSION>, ())
            .on(|Begun {}| Event::Begun)
            .on(|Nudged {}| Event::Nudged)
            .on(|Ended {}| Event::Ended);
        let worker = Worker::new(self.engine()).module(Module::new("case", ()).saga(KEEPER, tale));
        Harness::start(worker, self.clock()).await
    }

    async fn begun<const VERSION: u16>(&self) -> Harness {
        let mut app = self.tale::<VERSION>().await;
        app.publish(Begun {}).await;
        app.settle().await;
        app.transcript();
        app
    }

    async fn tale_row(&self) -> SagaRow {
        let id = SagaId { saga: Arc::from(Tale::<1>::NAME), ..id(1) };
        self.engine().saga(&id).await.unwrap().expect("an instance")
    }

    async fn told(&self) -> Vec<String> {
        serde_json::from_str::<Told>(&self.tale_row().await.facts).unwrap().tale
    }
}

pub async fn an_older_instance_is_migrated_by_its_next_event<S: Subject>(stage: &mut Stage<S>) {
    stage.begun::<1>().await.finish().await;

    let mut app = stage.tale::<3>().await;
    app.publish(Nudged {}).await;
    app.settle().await;

    assert_eq!(app.transcript(), "→ case.nudged case:1\ntale ← case.nudged case:1");
    assert_eq!(stage.told().await, ["begun", "migrated from 1", "migrated from 2", "Nudged while Waiting"]);
    let row = stage.tale_row().await;
    assert_eq!((row.version, row.revision), (3, 2), "one step, which is stored as of the new version");

    app.publish(Begun {}).await;
    app.wind(PATIENCE).await;
    let tale = ["begun", "migrated from 1", "migrated from 2", "Nudged while Waiting", "Slow while Waiting"];
    assert_eq!(stage.told().await, tale, "once; and its timer goes on");
    app.finish().await;
}

pub async fn an_event_that_changes_nothing_migrates_all_the_same<S: Subject>(stage: &mut Stage<S>) {
    stage.begun::<1>().await.finish().await;

    let mut app = stage.tale::<2>().await;
    app.publish(Begun {}).await;
    app.settle().await;

    assert_eq!(stage.told().await, ["begun", "migrated from 1"]);
    assert_eq!(stage.tale_row().await.version, 2);
    app.finish().await;
}

/// A rolling deploy that is rolled back.
pub async fn an_event_of_a_newer_instance_waits_for_the_newer_code<S: Subject>(stage: &mut Stage<S>) {
    stage.begun::<2>().await.finish().await;
    let before = stage.tale_row().await;

    let mut older = stage.tale::<1>().await;
    older.publish(Ended {}).await;
    older.wind(Duration::from_secs(25)).await;
    let refusal = "tale ← case.ended case:1 ✗ W0023 saga `case.tale` of case:1, stored in `Waiting` by version 2, \
                   is newer than this code, which is version 1, again in 10s";
    let story = ["→ case.ended case:1", refusal, "-- 10s later", refusal, "-- 10s later", refusal].join("\n");
    assert_eq!(older.transcript(), story, "it costs no attempt");
    // The last moment of the grace that messages of an unknown name get.
    older.wind(Duration::from_secs(274)).await;
    assert_eq!(older.dead_letters().await, []);
    assert_eq!(stage.tale_row().await, before, "what is newer is not touched");
    older.leaving_behind();

    let mut newer = stage.tale::<2>().await;
    newer.wind(Duration::from_secs(10)).await;
    assert_eq!(stage.told().await, ["begun", "Ended while Waiting"]);
    newer.finish().await;
}

pub async fn an_instance_nobody_can_read_says_what_and_where<S: Subject>(stage: &mut Stage<S>) {
    stage.begun::<1>().await.finish().await;
    let row = stage.tale_row().await;
    stage.save(&SagaRow { revision: 2, state: r#""Lost""#.to_owned(), state_name: "Lost".to_owned(), ..row }).await;

    // One without a way on, and one that finds a state it does not know.
    for (mut app, why) in [
        (
            stage.tale::<4>().await,
            "stored in `Lost` by version 1, is not migrated: `migrate` knows no way on from version 3",
        ),
        (
            stage.tale::<2>().await,
            "stored in `Lost` by version 1, does not parse in its state migrated to version 2: \
             unknown variant `Lost`, expected `Waiting` or `Over`",
        ),
    ] {
        app.publish(Nudged {}).await;
        app.wind(Duration::from_secs(400)).await;

        // Of the event, and of the timer that fired meanwhile.
        let letters = app.dead_letters().await;
        let told: BTreeSet<_> = letters.iter().map(|letter| (&*letter.code, &*letter.reason)).collect();
        assert_eq!(told, BTreeSet::from([("W0023", &*format!("W0023: saga `case.tale` of case:1, {why}"))]));
        app.client().discard(&DeadLetterFilter::default()).await.unwrap();
        app.leaving_behind();
    }
}

/// As after a rolling deploy that is rolled back: the newer code armed it.
pub async fn a_timer_this_code_does_not_know_waits_for_code_that_does<S: Subject>(stage: &mut Stage<S>) {
    let mut app = stage.begun::<1>().await;
    let SagaRow { id: saga, revision: generation, .. } = stage.tale_row().await;
    let (name, endpoint) = ("Unheard".to_owned(), Arc::from(KEEPER));
    let (delay, takes_turns, trail) = (Duration::ZERO, false, trail());
    let unheard = TimerArm { saga, name, generation, delay, endpoint, takes_turns, trail };
    let mut transaction = stage.engine().begin().await.unwrap();
    transaction.arm(&unheard).await.unwrap();
    transaction.commit(&[]).await.unwrap();

    app.wind(Duration::from_secs(15)).await;

    let refusal = "tale ← ⏰ Unheard case:1 ✗ W0023 saga `case.tale` of case:1 knows no timer `Unheard`: \
                   unknown variant `Unheard`, expected `Slow`, again in 10s";
    assert_eq!(app.transcript(), [refusal, "-- 10s later", refusal].join("\n"));
    let mut transaction = stage.engine().begin().await.unwrap();
    assert_eq!(transaction.timer(&unheard.saga, &unheard.name).await.unwrap(), Some(generation), "it is not used up");
    transaction.rollback().await.unwrap();
    app.leaving_behind();
}

pub async fn an_event_before_its_instance_waits_for_it<S: Subject>(stage: &mut Stage<S>) {
    let mut app = stage.tale::<1>().await;
    app.publish(Nudged {}).await;
    app.settle().await;
    app.publish(Begun {}).await;
    app.wind(Duration::from_secs(1)).await;

    assert_eq!(stage.told().await, ["begun", "Nudged while Waiting"]);
    app.finish().await;
}

pub async fn an_event_whose_instance_never_begins_is_dead_lettered_with_that_reason<S: Subject>(stage: &mut Stage<S>) {
    let mut app = stage.tale::<1>().await;
    app.publish(Nudged {}).await;
    // Whoever held the event that starts it may have crashed: its lease, and the next one's, run out first.
    app.wind(PATIENCE).await;
    assert_eq!(app.dead_letters().await, []);
    app.wind(Limits::default().unknown_message_grace).await;

    let letters = app.dead_letters().await;
    let told: Vec<_> = letters.iter().map(|letter| (&*letter.code, &*letter.reason)).collect();
    let reason = "W0007: `case.nudged` came for case:1 of saga `case.tale`, which does not exist";
    assert_eq!(told, [("W0007", reason)]);

    app.publish(Begun {}).await;
    app.settle().await;
    assert_eq!(app.redrive(&DeadLetterFilter::default()).await, 1);
    app.settle().await;
    assert_eq!(stage.told().await, ["begun", "Nudged while Waiting"], "once it exists, a redrive brings it");
    app.finish().await;
}

pub async fn a_finished_instance_still_decides_what_comes_late<S: Subject>(stage: &mut Stage<S>) {
    let mut app = stage.begun::<1>().await;
    app.publish(Ended {}).await;
    app.settle().await;
    app.publish(Begun {}).await;
    app.publish(Nudged {}).await;
    app.settle().await;

    let row = stage.tale_row().await;
    assert_eq!(stage.told().await, ["begun", "Ended while Waiting", "Nudged while Over"], "it does not begin again");
    assert!(row.finished, "a late event does not revive it");
    app.finish().await;
}

pub async fn a_firing_overtaken_by_a_new_arming_is_ignored<S: Subject>(stage: &mut Stage<S>) {
    let mut app = stage.begun::<1>().await;
    // Both are due at one moment, and the event is the older delivery.
    let work = app.client().begin(&Tenant::default()).unwrap();
    work.bus.publish_after(PATIENCE, Nudged {});
    work.commit().await.unwrap();

    app.wind(PATIENCE).await;
    assert_eq!(app.transcript(), "-- 1m later\ntale ← case.nudged case:1\ntale ← ⏰ Slow case:1");
    assert_eq!(stage.told().await, ["begun", "Nudged while Waiting"]);

    app.wind(PATIENCE).await;
    assert_eq!(stage.told().await, ["begun", "Nudged while Waiting", "Slow while Waiting"], "the new one fires");
    app.finish().await;
}

pub async fn a_firing_that_comes_after_the_end_is_ignored<S: Subject>(stage: &mut Stage<S>) {
    let mut app = stage.begun::<1>().await;
    let work = app.client().begin(&Tenant::default()).unwrap();
    work.bus.publish_after(PATIENCE, Ended {});
    work.commit().await.unwrap();

    app.wind(PATIENCE).await;

    assert_eq!(app.transcript(), "-- 1m later\ntale ← case.ended case:1\ntale ← ⏰ Slow case:1");
    assert_eq!(stage.told().await, ["begun", "Ended while Waiting"]);
    app.finish().await;
}

/// As after a crash between the commit and its answer, with a transport that delivers at least once.
pub async fn two_firings_of_one_generation_happen_once<S: Subject>(stage: &mut Stage<S>) {
    let mut app = stage.begun::<1>().await;
    stage.wind(PATIENCE).await;
    stage.engine().fire_timers(10).await.unwrap();
    let firing = stage.claim_one(KEEPER).await;
    assert_eq!(&*firing.envelope.name, TimerFiring::NAME);
    assert!(stage.settle(firing.lease, Outcome::Return { delay: Duration::ZERO }).await);
    stage.send_all(&[Outgoing::new(KEEPER.into(), firing.envelope, firing.body)]).await;

    app.settle().await;

    assert_eq!(app.transcript(), "tale ← ⏰ Slow case:1\ntale ← ⏰ Slow case:1");
    assert_eq!(stage.told().await, ["begun", "Slow while Waiting"]);
    app.finish().await;
}

/// The firing was taken up, and its holder died before the commit.
pub async fn a_firing_whose_handler_crashed_is_still_current<S: Subject>(stage: &mut Stage<S>) {
    let mut app = stage.begun::<1>().await;
    stage.wind(PATIENCE).await;
    stage.engine().fire_timers(10).await.unwrap();
    let held: Lease = stage.claim_one(KEEPER).await.lease;
    app.settle().await;
    assert_eq!(stage.told().await, ["begun"], "it is held");

    app.wind(LEASE).await;

    assert_eq!(stage.told().await, ["begun", "Slow while Waiting"]);
    assert!(!stage.settle(held, Outcome::Done).await);
    app.finish().await;
}
