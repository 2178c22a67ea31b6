//! Schedules that are all due at one moment: how late their jobs begin.

use std::time::Duration;

use anyhow::Context;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::mpsc::{UnboundedSender, unbounded_channel},
    time::timeout,
};
use wharf::{
    Clock, Envelope, Job, JobOptions, Module, Msg, Result, Schedule, State, SystemClock, Timetable, Worker,
    ports::Engine,
};

use super::{
    latencies::Latencies,
    nothing::{STALL_MAX, settled},
};

/// So many of their jobs run at once.
const HANDLERS: usize = 1_000;
/// A worker has so long to begin with so many schedules.
const START_MAX: Duration = Duration::from_secs(2);
const START_MAX_OF_EACH: Duration = Duration::from_micros(1_500);

#[derive(Serialize, Deserialize, JsonSchema)]
struct Tick {
    schedule: u64,
}

impl Job for Tick {
    const NAME: &'static str = "bench.tick";
}

async fn tick(_: Msg<Tick>, envelope: Envelope, State(late): State<UnboundedSender<Option<Duration>>>) -> Result {
    let due_at = envelope.trail.firing.and_then(|firing| firing.due_at);
    late.send(due_at.map(|due_at| SystemClock.now().since(due_at)))?;
    Ok(())
}

/// From the moment at which all are due to the first line of each one's handler.
pub(super) async fn lateness(engine: impl Engine, schedules: u64) -> anyhow::Result<Latencies> {
    let (late, mut lateness) = unbounded_channel();
    let due_at = SystemClock.now() + START_MAX + START_MAX_OF_EACH * u32::try_from(schedules)?;
    let mut module = Module::new("bench", late).job_with("tick", JobOptions::default().max_parallel(HANDLERS), tick);
    for schedule in 0..schedules {
        let once = Schedule::new(Timetable::once(due_at), Tick { schedule });
        module = module.schedule(once.named(&format!("bench-{schedule}")));
    }
    let worker = Worker::new(engine).max_parallel_jobs(HANDLERS).module(module).ready().await?;
    anyhow::ensure!(SystemClock.now() < due_at, "{schedules} schedules were due before the worker was ready");
    let client = worker.client("bench");
    let mut samples = Ok(Vec::new());
    worker
        .run_until(async {
            samples = async {
                let mut samples = Vec::new();
                for nth in 0..schedules {
                    let late = timeout(STALL_MAX, lateness.recv()).await.ok().flatten().flatten();
                    samples.push(late.with_context(|| format!("only {nth} of {schedules} schedules fired"))?);
                }
                Ok(samples)
            }
            .await;
            settled(&client, schedules).await;
        })
        .await;
    samples.map(Latencies::new)
}
