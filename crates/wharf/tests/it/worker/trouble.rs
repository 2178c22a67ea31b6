//! An engine that does not answer now and then, and handlers that break their task.

use std::time::Duration;

use wharf::{
    Bus, Key, Limits, Memory, MemoryTx, Message, Module, Msg, Result, Retry, Tenant, Tx, Worker,
    testing::{Faulty, ManualClock},
};

use super::{Job, Running, turns, until};

#[derive(serde::Serialize, serde::Deserialize)]
struct Reserved {
    n: u32,
}

impl Message for Reserved {
    const NAME: &'static str = "test.reserved";
    fn key(&self) -> Key {
        Key::new("job", self.n)
    }
}

async fn reserve(Msg(job): Msg<Job>, bus: Bus) -> Result {
    bus.publish(Reserved { n: job.n });
    Ok(())
}

async fn ship(Msg(reserved): Msg<Reserved>, mut tx: Tx) -> Result {
    let tx = tx.memory().await?;
    let key = format!("shipped {}", reserved.n);
    let count: u32 = tx.get(&key).map_or(0, |count| count.parse().unwrap());
    tx.put(&key, &(count + 1).to_string());
    Ok(())
}

#[tokio::test]
async fn a_worker_on_a_faulty_engine_does_everything_exactly_once() {
    const JOBS: u32 = 10;
    for seed in 0..20 {
        let clock = ManualClock::new();
        let memory = Memory::with_clock(clock.clone());
        let faulty = Faulty::new(memory.clone(), seed).rate(0.3);
        let patient = || Retry::exponential("patient", Duration::from_secs(1), Duration::from_secs(60), 50);
        // An engine that loses the answers to claims makes it look as if their deliveries killed the process.
        let mut limits = Limits::default();
        limits.crashes_max = 1_000;
        let running = Running::start(faulty.clone(), clock.clone(), |worker| {
            worker.limits(limits).module(
                Module::new("m", ())
                    .endpoint("reserve", |e| e.retry(patient()).consume("reserve", reserve))
                    .endpoint("ship", |e| e.retry(patient()).consume("ship", ship)),
            )
        })
        .await;
        let calm = Worker::new(memory.clone()).module(Module::new("m", ()).consume("reserve", reserve));
        let client = calm.ready().await.unwrap().client("test");
        for n in 0..JOBS {
            client.send(&Tenant::default(), Job { n }).await.unwrap();
        }

        until(&format!("nothing is left, seed {seed}"), async || {
            clock.wind(Duration::from_millis(200));
            turns().await;
            running.left().await == 0
        })
        .await;

        assert!(faulty.faults() > 0, "seed {seed}");
        faulty.calm();
        running.ask_to_stop();
        until(&format!("it stops, seed {seed}"), async || {
            clock.wind(Duration::from_millis(200));
            running.task.is_finished()
        })
        .await;
        for n in 0..JOBS {
            let shipped = memory.get(&format!("shipped {n}")).await;
            assert_eq!(shipped.as_deref(), Some("1"), "job {n}, seed {seed}");
        }
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Unstorable {
    n: u32,
}

impl Message for Unstorable {
    const NAME: &'static str = "test.unstorable";
    fn key(&self) -> Key {
        Key::new("job", self.n)
    }
}

async fn send_the_unstorable(Msg(job): Msg<Job>, bus: Bus) -> Result {
    if job.n == 3 {
        bus.publish(Unstorable { n: job.n });
    }
    Ok(())
}

async fn ignore(Msg(_): Msg<Unstorable>) -> Result {
    Ok(())
}

#[tokio::test]
async fn one_settlement_that_is_refused_does_not_hold_up_the_others() {
    let clock = ManualClock::new();
    let faulty = Faulty::new(Memory::with_clock(clock.clone()), 0).rate(0.0).refusing(Unstorable::NAME);
    let running = Running::start(faulty, clock, |worker| {
        worker.module(Module::new("m", ()).consume("work", send_the_unstorable).consume("ignore", ignore))
    })
    .await;
    running.send(0..20).await;
    until("the others are settled, at once", async || running.left().await == 1).await;

    // Its attempts are counted as those of a handler that fails.
    until("it is given up", async || {
        running.clock.wind(Duration::from_millis(500));
        turns().await;
        running.left().await == 0
    })
    .await;
    let letters = running.client.dead_letters(&Default::default()).await.unwrap();
    let told: Vec<_> = letters.iter().map(|one| (one.code.as_str(), one.envelope.key.as_str())).collect();
    assert_eq!(told, [("W0018", "job:3")]);
    running.stop().await;
}

async fn never_end(Msg(_): Msg<Job>) -> Result {
    std::future::pending().await
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_dropped_and_retried() {
    let once = || Retry::fixed("once more", [Duration::from_millis(300)]);
    let running = Running::on_memory(|worker| {
        let module = Module::new("m", ());
        let minute = Duration::from_secs(60);
        worker.module(module.endpoint("work", |e| e.retry(once()).timeout(minute).consume("work", never_end)))
    })
    .await;
    running.send([1]).await;

    for wait in [Duration::from_secs(60), Duration::from_millis(300), Duration::from_secs(60)] {
        turns().await;
        assert!(running.client.dead_letters(&Default::default()).await.unwrap().is_empty());
        running.clock.wind(wait);
    }
    until("it is given up", async || running.left().await == 0).await;

    let letters = running.client.dead_letters(&Default::default()).await.unwrap();
    assert_eq!((letters[0].code.as_str(), letters[0].envelope.attempt), ("W0003", 2));
    running.stop().await;
}
