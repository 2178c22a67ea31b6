//! A worker tells other processes that it is alive, and nothing depends on whether they hear it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use uuid::Uuid;
use wharf::{
    Code, Error, Heartbeat, Memory, Module, Msg, Result, State, Status, Worker,
    ports::{Cancellation, Hear, Signals, Store},
    testing::ManualClock,
};

use super::{Gate, Job, Running, gate, turns, until};

const EVERY: Duration = Duration::from_secs(5);

async fn pass(Msg(job): Msg<Job>, State(gate): State<Gate>) -> Result {
    gate.pass(job.n).await;
    Ok(())
}

fn with(gate: Gate) -> impl FnOnce(Worker) -> Worker {
    |worker| worker.version("1.2.3").module(Module::new("m", gate).consume("work", pass))
}

impl Running<Memory> {
    async fn only_worker(&self) -> Option<Heartbeat> {
        let workers = self.client.workers().await.unwrap();
        assert!(workers.len() < 2, "{workers:?}");
        workers.into_iter().next()
    }
}

#[tokio::test]
async fn other_processes_hear_that_a_worker_is_alive_and_what_it_does() {
    let (gate, mut keeper) = gate();
    let running = Running::on_memory(with(gate)).await;
    until("it is heard of", async || running.only_worker().await.is_some()).await;
    let first = running.only_worker().await.unwrap();
    assert_eq!((first.pid, first.version.as_deref()), (std::process::id(), Some("1.2.3")));
    assert_eq!((first.endpoints.as_slice(), first.handling, first.is_draining), (&["work".to_owned()][..], 0, false));

    running.send([1]).await;
    keeper.next().await;
    running.clock.wind(EVERY);
    until("it is heard to be at work", async || running.only_worker().await.unwrap().handling == 1).await;
    let mut second = running.only_worker().await.unwrap();
    second.handling = 0;
    assert_eq!(second, first, "all else is as it was");

    running.ask_to_stop();
    until("it is heard to stop", async || running.only_worker().await.unwrap().is_draining).await;
    keeper.let_pass(1);
    let client = running.client.clone();
    running.stopped().await;
    assert_eq!(client.workers().await.unwrap(), [], "it has taken leave");
}

#[tokio::test]
async fn a_worker_that_is_killed_is_listed_until_three_heartbeats_are_missing() {
    let running = Running::on_memory(|worker| worker).await;
    until("it is heard of", async || running.only_worker().await.is_some()).await;
    let (client, clock) = (running.client.clone(), running.clock.clone());
    running.abort().await;

    clock.wind(EVERY * 3 - Duration::from_micros(1));
    assert_eq!(client.workers().await.unwrap().len(), 1);
    clock.wind(Duration::from_micros(1));
    assert_eq!(client.workers().await.unwrap(), []);
}

/// Signals that take a while to carry a heartbeat, and carry it though nobody waits for that any more.
#[derive(Debug, Clone)]
struct Slow {
    inner: Arc<dyn Signals>,
    on_its_way: Arc<AtomicU32>,
}

#[async_trait]
impl Signals for Slow {
    async fn beat(&self, beat: &Heartbeat, believed_for: Duration) -> Result<(), Error> {
        let (slow, beat) = (self.clone(), beat.clone());
        slow.on_its_way.fetch_add(1, Ordering::Relaxed);
        let carried = tokio::spawn(async move {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            let carried = slow.inner.beat(&beat, believed_for).await;
            slow.on_its_way.fetch_sub(1, Ordering::Relaxed);
            carried
        });
        carried.await.unwrap()
    }

    async fn leave(&self, worker: Uuid) -> Result<(), Error> {
        self.inner.leave(worker).await
    }

    async fn workers(&self) -> Result<Vec<Heartbeat>, Error> {
        self.inner.workers().await
    }

    async fn cancel(&self, cancellation: &Cancellation) -> Result<(), Error> {
        self.inner.cancel(cancellation).await
    }

    async fn listen(&self, hear: &Hear) -> Result<(), Error> {
        self.inner.listen(hear).await
    }

    async fn ping(&self) -> Result<(), Error> {
        self.inner.ping().await
    }
}

#[tokio::test]
async fn no_heartbeat_comes_after_a_worker_has_taken_leave() {
    let clock = ManualClock::new();
    let engine = Memory::with_clock(clock.clone());
    let slow = Slow { inner: Store::signals(&engine), on_its_way: Arc::default() };
    let signals = slow.clone();
    let running = Running::start(engine, clock, |worker| worker.signals(signals)).await;
    until("it is heard of", async || running.only_worker().await.is_some()).await;
    let client = running.client.clone();
    running.stop().await;
    until("nothing is on its way", async || slow.on_its_way.load(Ordering::Relaxed) == 0).await;
    assert_eq!(client.workers().await.unwrap(), []);
}

/// Signals that may be away.
#[derive(Debug, Clone)]
struct Away {
    inner: Arc<dyn Signals>,
    is_away: Arc<AtomicBool>,
}

impl Away {
    fn check(&self) -> Result<(), Error> {
        let is_away = self.is_away.load(Ordering::Relaxed);
        if is_away { Err(Error::new(Code::SIGNALS_AWAY, "nobody answers")) } else { Ok(()) }
    }
}

#[async_trait]
impl Signals for Away {
    async fn beat(&self, beat: &Heartbeat, believed_for: Duration) -> Result<(), Error> {
        self.check()?;
        self.inner.beat(beat, believed_for).await
    }

    async fn leave(&self, worker: Uuid) -> Result<(), Error> {
        self.check()?;
        self.inner.leave(worker).await
    }

    async fn workers(&self) -> Result<Vec<Heartbeat>, Error> {
        self.check()?;
        self.inner.workers().await
    }

    async fn cancel(&self, cancellation: &Cancellation) -> Result<(), Error> {
        self.check()?;
        self.inner.cancel(cancellation).await
    }

    async fn listen(&self, hear: &Hear) -> Result<(), Error> {
        self.check()?;
        self.inner.listen(hear).await
    }

    async fn ping(&self) -> Result<(), Error> {
        self.check()
    }
}

#[tokio::test]
async fn while_signals_are_away_work_goes_on_and_health_says_so() {
    let clock = ManualClock::new();
    let engine = Memory::with_clock(clock.clone());
    let away = Away { inner: Store::signals(&Memory::with_clock(clock.clone())), is_away: Arc::default() };
    away.is_away.store(true, Ordering::Relaxed);
    let (gate, mut keeper) = gate();
    let signals = away.clone();
    let running = Running::start(engine, clock, |worker| with(gate)(worker).signals(signals)).await;

    running.send([1]).await;
    assert_eq!(keeper.next().await, 1);
    keeper.let_pass(1);
    until("it is handled", async || running.left().await == 0).await;
    let health = running.client.health().await;
    assert_eq!(health.status(), Status::Degraded);
    let reasons: Vec<_> = health.reasons().collect();
    assert_eq!(reasons[0], "what carries signals does not answer (W0071)");
    assert_eq!(running.client.workers().await.unwrap_err().code(), Code::SIGNALS_AWAY);

    away.is_away.store(false, Ordering::Relaxed);
    running.clock.wind(EVERY);
    until("it is heard of again", async || running.only_worker().await.is_some()).await;
    // A stumble counts for a minute.
    for _ in 0..12 {
        running.clock.wind(EVERY);
        turns().await;
    }
    assert_eq!(running.client.health().await.status(), Status::Up);
    running.stop().await;
}
