//! A worker that runs for real, beside the test.

mod background;
mod cancelling;
mod health;
mod jobs_at_once;
mod leases;
mod one_connection;
mod presence;
mod pressure;
mod probes;
mod refusing;
mod running;
mod schedules;
mod stopping;
mod survivors;
mod taking_turns;
mod trouble;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
};
use wharf::{Client, Ended, Key, Kind, Memory, Message, Tenant, Worker, ports::Engine, testing::ManualClock};

/// Work for the one consumer there is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) n: u32,
}

impl Message for Job {
    const NAME: &'static str = "test.job";
    const KIND: Kind = Kind::Command;
    fn key(&self) -> Key {
        Key::new("job", self.n)
    }
}

/// A running worker, and what a test needs to watch and stop it.
struct Running<E> {
    engine: E,
    clock: ManualClock,
    client: Client,
    stop: Arc<Notify>,
    abort: Arc<Notify>,
    task: JoinHandle<Ended>,
}

impl Running<Memory> {
    async fn on_memory(build: impl FnOnce(Worker) -> Worker) -> Self {
        let clock = ManualClock::new();
        Self::start(Memory::with_clock(clock.clone()), clock, build).await
    }
}

impl<E: Engine + Clone> Running<E> {
    async fn start(engine: E, clock: ManualClock, build: impl FnOnce(Worker) -> Worker) -> Self {
        let worker = build(Worker::new(engine.clone())).ready().await.unwrap();
        let client = worker.client("test");
        let stop = Arc::new(Notify::new());
        let abort = Arc::new(Notify::new());
        let (asked, asked_again) = (Arc::clone(&stop), Arc::clone(&abort));
        let task =
            tokio::spawn(async move { worker.run_until_or_abort(asked.notified(), asked_again.notified()).await });
        Self { engine, clock, client, stop, abort, task }
    }

    async fn send(&self, numbers: impl IntoIterator<Item = u32>) {
        for n in numbers {
            self.client.send(&Tenant::default(), Job { n }).await.unwrap();
        }
    }

    fn ask_to_stop(&self) {
        self.stop.notify_one();
    }

    async fn stopped(self) -> E {
        assert_eq!(self.task.await.unwrap(), Ended::Drained);
        self.engine
    }

    /// Ends it at once, as a second signal does.
    async fn abort(self) -> E {
        self.abort.notify_one();
        assert_eq!(self.task.await.unwrap(), Ended::Aborted);
        self.engine
    }

    async fn stop(self) -> E {
        self.ask_to_stop();
        self.stopped().await
    }

    /// How many wait or are held.
    async fn left(&self) -> u64 {
        self.engine.depth().await.unwrap().iter().map(|depth| depth.due + depth.delayed + depth.held).sum()
    }
}

/// Lets the other tasks run until this is so. Nothing here waits for real time, so a few thousand turns are plenty.
async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    for _ in 0..10_000 {
        if so().await {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never came to this: {what}");
}

/// Lets every other task go as far as it can.
async fn turns() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// A handler's way to tell the test that it began, and to wait until it may end.
#[derive(Clone)]
struct Gate {
    began: mpsc::UnboundedSender<u32>,
    may_end: Arc<tokio::sync::Semaphore>,
}

/// The test's end of a [`Gate`].
struct Keeper {
    began: mpsc::UnboundedReceiver<u32>,
    may_end: Arc<tokio::sync::Semaphore>,
}

fn gate() -> (Gate, Keeper) {
    let (sender, began) = mpsc::unbounded_channel();
    let may_end = Arc::new(tokio::sync::Semaphore::new(0));
    (Gate { began: sender, may_end: Arc::clone(&may_end) }, Keeper { began, may_end })
}

impl Gate {
    async fn pass(&self, n: u32) {
        self.began.send(n).unwrap();
        self.may_end.acquire().await.unwrap().forget();
    }
}

impl Keeper {
    async fn next(&mut self) -> u32 {
        self.began.recv().await.unwrap()
    }

    fn let_pass(&self, handlers: usize) {
        self.may_end.add_permits(handlers);
    }
}
