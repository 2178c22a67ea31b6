//! Background tasks that cannot begin: each is begun anew until it can, and meanwhile the worker says so.

use std::time::Duration;

use tokio::sync::mpsc;
use wharf::{Key, Memory, Message, Module, Msg, Result, State, Status, testing::Faulty, testing::ManualClock};

use super::{Job, Running, turns, until};

const PERIOD: Duration = Duration::from_secs(60);

#[derive(serde::Serialize, serde::Deserialize)]
struct Swept;

impl Message for Swept {
    const NAME: &'static str = "test.swept";
    fn key(&self) -> Key {
        Key::new("floor", 1)
    }
}

type Seen = mpsc::UnboundedSender<&'static str>;

async fn work(Msg(_): Msg<Job>, State(seen): State<Seen>) -> Result {
    seen.send("job").unwrap();
    Ok(())
}

async fn sweep(Msg(_): Msg<Swept>, State(seen): State<Seen>) -> Result {
    seen.send("sweep").unwrap();
    Ok(())
}

#[tokio::test]
async fn w08_what_could_not_begin_is_begun_anew_and_told_until_then() {
    let clock = ManualClock::new();
    let memory = Memory::with_clock(clock.clone());
    let (seen, mut seeing) = mpsc::unbounded_channel();
    let faulty = Faulty::new(memory, 0).rate(1.0);
    let running = Running::start(faulty.clone(), clock.clone(), |worker| {
        let module = Module::new("m", seen).consume("work", work).consume("sweep", sweep);
        worker.module(module.every_named("nightly", PERIOD, Swept))
    })
    .await;
    let tasks = ["wharf.prune", "wharf.schedule.nightly", "wharf.timers"];
    let stumbled = || {
        let vitals = running.client.vitals().all();
        tasks.map(|task| vitals.get(task).is_some_and(|vital| vital.stumbled_at.is_some()))
    };
    let looked = || {
        let vitals = running.client.vitals().all();
        tasks.map(|task| vitals.get(task).is_some_and(|vital| vital.looked_at.is_some()))
    };

    // The worker runs, but nothing of what it does in the background does.
    until("every task has failed", async || stumbled() == [true; 3]).await;
    for _ in 0..20 {
        clock.wind(Duration::from_secs(1));
        turns().await;
    }
    assert_eq!(looked(), [false; 3]);
    let health = running.client.health().await;
    assert_ne!(health.status(), Status::Up);
    let told: Vec<_> = health.reasons().collect();
    for task in tasks {
        assert!(told.iter().any(|reason| reason.starts_with(&format!("`{task}`: "))), "{task} is not among {told:?}");
    }

    // Nobody starts the worker anew: it finds its way by itself.
    faulty.calm();
    running.client.send(&Default::default(), Job { n: 1 }).await.unwrap();
    until("every task looks", async || {
        clock.wind(Duration::from_secs(1));
        turns().await;
        looked() == [true; 3]
    })
    .await;
    clock.wind(PERIOD);
    let mut done = [seeing.recv().await.unwrap(), seeing.recv().await.unwrap()];
    done.sort_unstable();
    assert_eq!(done, ["job", "sweep"]);
    until("it is well", async || {
        clock.wind(Duration::from_secs(1));
        turns().await;
        running.client.health().await.status() == Status::Up
    })
    .await;
    running.stop().await;
}
