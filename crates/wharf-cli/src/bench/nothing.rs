//! Jobs that do nothing: enqueued in bulk, drained, and picked up one by one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{sleep, timeout},
};
use wharf::{Client, Draft, Job, JobOptions, Module, Msg, ReadyWorker, Result, State, Tenant, Worker, ports::Engine};

use super::latencies::Latencies;

/// Kinds of jobs, each with a queue of its own.
const KINDS: u64 = 4;
/// Enqueued in one commit.
const BATCH: u64 = 500;
/// Whoever settles nothing for so long has lost what is missing.
pub(super) const STALL_MAX: Duration = Duration::from_secs(60);
/// Single jobs, one after the other.
const SINGLES: u64 = 300;
/// Before each, for the worker to be idle again.
const PAUSE: Duration = Duration::from_millis(7);
const DAY: Duration = Duration::from_secs(24 * 3600);

#[derive(Serialize, Deserialize, JsonSchema)]
struct Nothing<const KIND: usize> {
    number: u64,
}

impl<const KIND: usize> Job for Nothing<KIND> {
    const NAME: &'static str = ["bench.0", "bench.1", "bench.2", "bench.3"][KIND];
}

/// What the handlers share.
#[derive(Clone, Default)]
struct Shift {
    ran: Arc<AtomicU64>,
    asleep: Duration,
}

async fn nothing<const KIND: usize>(Msg(job): Msg<Nothing<KIND>>, State(shift): State<Shift>) -> Result {
    std::hint::black_box(job.number);
    if !shift.asleep.is_zero() {
        sleep(shift.asleep).await;
    }
    shift.ran.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

async fn worker(engine: impl Engine, shift: Shift, handlers: usize) -> anyhow::Result<ReadyWorker> {
    let each = || JobOptions::default().max_parallel(handlers.div_ceil(KINDS as usize));
    let module = Module::new("bench", shift)
        .job_with("bench-0", each(), nothing::<0>)
        .job_with("bench-1", each(), nothing::<1>)
        .job_with("bench-2", each(), nothing::<2>)
        .job_with("bench-3", each(), nothing::<3>);
    Ok(Worker::new(engine).max_parallel_jobs(handlers).module(module).ready().await?)
}

/// Enqueues them from one client, commit after commit.
pub(super) async fn enqueue(engine: impl Engine, jobs: u64) -> anyhow::Result<()> {
    let client = worker(engine, Shift::default(), 1).await?.client("bench");
    for first in (0..jobs).step_by(BATCH as usize) {
        let work = client.begin(&Tenant::default())?;
        for number in first..jobs.min(first + BATCH) {
            match number % KINDS {
                0 => work.bus.enqueue(Nothing::<0> { number }),
                1 => work.bus.enqueue(Nothing::<1> { number }),
                2 => work.bus.enqueue(Nothing::<2> { number }),
                _ => work.bus.enqueue(Nothing::<3> { number }),
            }
        }
        work.commit().await?;
    }
    Ok(())
}

/// Enqueues such jobs that nobody takes up before tomorrow, for a tenant of their own.
pub(super) async fn block(engine: impl Engine, jobs: u64) -> anyhow::Result<()> {
    let client = worker(engine, Shift::default(), 1).await?.client("bench");
    for first in (0..jobs).step_by(BATCH as usize) {
        let work = client.begin(&Tenant::new("before"))?;
        for number in first..jobs.min(first + BATCH) {
            let job = match number % KINDS {
                0 => Draft::of(&Nothing::<0> { number }),
                1 => Draft::of(&Nothing::<1> { number }),
                2 => Draft::of(&Nothing::<2> { number }),
                _ => Draft::of(&Nothing::<3> { number }),
            };
            work.bus.post(&job.after(DAY));
        }
        work.commit().await?;
    }
    Ok(())
}

/// What a worker has done.
pub(super) struct Drained {
    pub(super) per_s: f64,
    /// How often a handler was called.
    pub(super) ran: u64,
}

/// A worker from its start to its last settlement.
pub(super) async fn drain(
    engine: impl Engine,
    jobs: u64,
    handlers: usize,
    asleep: Duration,
) -> anyhow::Result<Drained> {
    let shift = Shift { ran: Arc::default(), asleep };
    let worker = worker(engine, shift.clone(), handlers).await?;
    let client = worker.client("bench");
    let began = Instant::now();
    let mut took = Duration::ZERO;
    worker
        .run_until(async {
            settled(&client, jobs).await;
            took = began.elapsed();
        })
        .await;
    let per_s = client.vitals().settled_total() as f64 / took.as_secs_f64();
    Ok(Drained { per_s, ran: shift.ran.load(Ordering::Relaxed) })
}

/// Returns once so many are settled, or none has been for long.
pub(super) async fn settled(client: &Client, jobs: u64) {
    let (mut seen, mut since) = (0, Instant::now());
    while seen < jobs && since.elapsed() < STALL_MAX {
        sleep(Duration::from_millis(1)).await;
        let now = client.vitals().settled_total();
        if now > seen {
            (seen, since) = (now, Instant::now());
        }
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Single {
    number: u64,
    is_single: bool,
}

impl Job for Single {
    const NAME: &'static str = "bench.single";
}

async fn begun(Msg(job): Msg<Single>, State(begun): State<UnboundedSender<(u64, Instant)>>) -> Result {
    begun.send((job.number, Instant::now()))?;
    Ok(())
}

/// From the call that enqueues a job, its commit included, to the first line of its handler, on a worker that has nothing
/// else to do.
pub(super) async fn pick_up(engine: impl Engine) -> anyhow::Result<Latencies> {
    let (begin, mut beginning) = unbounded_channel();
    let module = Module::new("bench", begin).job("single", begun);
    let worker = Worker::new(engine).module(module).ready().await?;
    let client = worker.client("bench");
    let mut samples = Ok(Vec::new());
    worker
        .run_until(async {
            samples = sample(&client, &mut beginning).await;
            settled(&client, SINGLES).await;
        })
        .await;
    samples.map(Latencies::new)
}

async fn sample(client: &Client, beginning: &mut UnboundedReceiver<(u64, Instant)>) -> anyhow::Result<Vec<Duration>> {
    let mut samples = Vec::new();
    for number in 0..SINGLES {
        sleep(PAUSE).await;
        let enqueued = Instant::now();
        client.enqueue(&Tenant::default(), Single { number, is_single: true }).await?;
        let begun = timeout(STALL_MAX, beginning.recv()).await.ok().flatten();
        let (which, at) = begun.with_context(|| format!("single job {number} was not picked up"))?;
        anyhow::ensure!(which == number, "single job {which} was run in the place of {number}");
        samples.push(at - enqueued);
    }
    Ok(samples)
}
