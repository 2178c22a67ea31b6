//! Schedules on a running worker: one that hangs halts no other, and none can be stuck.

use std::time::Duration;

use tokio::sync::mpsc;
use wharf::{Key, Memory, Message, Module, Msg, Result, State, Status, testing::Faulty, testing::ManualClock};

use super::{Running, turns, until};

const PERIOD: Duration = Duration::from_secs(60);
/// For so long those that are due together wait for one that hangs.
const TOGETHER_FOR: Duration = Duration::from_secs(2);

#[derive(serde::Serialize, serde::Deserialize)]
struct Rang {
    bell: String,
}

impl Message for Rang {
    const NAME: &'static str = "test.rang";
    fn key(&self) -> Key {
        Key::new("bell", &self.bell)
    }
}

type Heard = mpsc::UnboundedSender<String>;

async fn hear(Msg(rang): Msg<Rang>, State(heard): State<Heard>) -> Result {
    heard.send(rang.bell).unwrap();
    Ok(())
}

fn rang(bell: &str) -> Rang {
    Rang { bell: bell.to_owned() }
}

fn bells(heard: Heard) -> Module<Heard> {
    let module = Module::new("tower", heard).consume("hear", hear);
    module.every_named("stuck", PERIOD, rang("stuck")).every_named("sound", PERIOD, rang("sound"))
}

#[tokio::test]
async fn w16_a_hung_commit_of_one_schedule_does_not_halt_the_others() {
    let clock = ManualClock::new();
    let engine = Faulty::new(Memory::with_clock(clock.clone()), 0).rate(0.0).hanging_at("stuck");
    let (heard, mut hearing) = mpsc::unbounded_channel();
    let running = Running::start(engine, clock, |worker| worker.module(bells(heard))).await;
    turns().await;

    // They are looked at together, for so long.
    running.clock.wind(TOGETHER_FOR);
    turns().await;
    for _ in 0..5 {
        running.clock.wind(PERIOD);
        assert_eq!(hearing.recv().await.unwrap(), "sound", "it waits no more for the one that hangs");
    }
    turns().await;
    let health = running.client.health().await;
    assert_ne!(health.status(), Status::Up, "and the one that hangs is told");
    assert!(health.reasons().all(|reason| reason.starts_with("`wharf.schedule.stuck`")), "{health:?}");
    running.stop().await;
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Unstorable {}

impl Message for Unstorable {
    const NAME: &'static str = "test.unstorable";
    fn key(&self) -> Key {
        Key::new("bell", "none")
    }
}

#[tokio::test]
async fn one_whose_message_cannot_be_stored_does_not_keep_those_that_are_due_with_it_from_being_fired() {
    let clock = ManualClock::new();
    let engine = Faulty::new(Memory::with_clock(clock.clone()), 0).rate(0.0).refusing(Unstorable::NAME);
    let (heard, mut hearing) = mpsc::unbounded_channel();
    let tower = bells(heard).consume("nowhere", async |_: Msg<Unstorable>| -> Result { Ok(()) });
    let tower = tower.every_named("unstorable", PERIOD, Unstorable {});
    let running = Running::start(engine, clock, |worker| worker.module(tower)).await;
    for _ in 0..3 {
        turns().await;
        running.clock.wind(PERIOD);
        let mut both = [hearing.recv().await.unwrap(), hearing.recv().await.unwrap()];
        both.sort_unstable();
        assert_eq!(both, ["sound", "stuck"]);
    }
    let health = running.client.health().await;
    assert!(health.reasons().any(|reason| reason.starts_with("`wharf.schedule.unstorable`")), "{health:?}");
    running.stop().await;
}

#[tokio::test]
async fn w27_a_schedule_whose_worker_died_while_it_fired_is_fired_by_the_next() {
    let clock = ManualClock::new();
    let memory = Memory::with_clock(clock.clone());
    let (heard, mut hearing) = mpsc::unbounded_channel();
    let hangs = Faulty::new(memory.clone(), 0).rate(0.0).hanging_at("stuck");
    let first = Running::start(hangs, clock.clone(), |worker| worker.module(bells(heard.clone()))).await;
    turns().await;
    clock.wind(TOGETHER_FOR);
    turns().await;
    clock.wind(PERIOD);
    assert_eq!(hearing.recv().await.unwrap(), "sound");
    first.abort().await;

    let next = Running::start(memory, clock, |worker| worker.module(bells(heard))).await;
    assert_eq!(hearing.recv().await.unwrap(), "stuck", "it is due still, and nobody's");
    until("all is settled", async || next.left().await == 0).await;
    let missed: Vec<_> = next.client.schedules().await.unwrap().iter().map(|stored| stored.missed).collect();
    assert_eq!(missed, [0, 0]);
    next.stop().await;
}

#[tokio::test]
async fn a_worker_that_starts_leaves_a_schedule_alone_for_a_while_even_if_it_is_due() {
    const START_DELAY: Duration = Duration::from_secs(5);
    let clock = ManualClock::new();
    let memory = Memory::with_clock(clock.clone());
    let (heard, mut hearing) = mpsc::unbounded_channel();
    let tower =
        |heard| Module::new("tower", heard).consume("hear", hear).every_after(START_DELAY, PERIOD, rang("late"));
    let first = Running::start(memory.clone(), clock.clone(), |worker| worker.module(tower(heard.clone()))).await;
    first.stop().await;
    clock.wind(PERIOD);

    let next = Running::start(memory, clock.clone(), |worker| worker.module(tower(heard))).await;
    turns().await;
    hearing.try_recv().unwrap_err();
    clock.wind(START_DELAY);
    assert_eq!(hearing.recv().await.unwrap(), "late");
    next.stop().await;
}
