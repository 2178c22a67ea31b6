//! A real process that dies by SIGKILL in the midst of its jobs. What it was running is run again, by itself, once its lease
//! has ended, and no slot of anybody's is lost with it.

use std::{env, ffi::OsStr, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wharf::{
    Clock, Job, JobOptions, Module, Msg, ReadyWorker, Result, Run, RunFilter, RunStatus, State, Tenant, Worker,
    ports::Store, testing::ManualClock,
};
use wharf_postgres::Postgres;

use crate::{child_process::ChildProcess, database::Database};

/// Where the child finds its database.
const DATABASE: &str = "WHARF_TEST_KILLED_JOBS_DATABASE";
/// That wait when it is killed.
const OTHERS: usize = 3;
const LEASE: Duration = Duration::from_secs(30);
/// Real time: it guards the test, and nothing waits for it.
const HANGS_AFTER: Duration = Duration::from_secs(120);

#[derive(Serialize, Deserialize, JsonSchema)]
struct Render {}

impl Job for Render {
    const NAME: &'static str = "films.render";
}

/// Whether it stands still, so that its process can be killed in the midst of it.
type StandsStill = bool;

async fn render(Msg(Render {}): Msg<Render>, State(stands_still): State<StandsStill>, run: Run) -> Result<u32> {
    if stands_still {
        stand_still().await;
    }
    Ok(run.attempt())
}

#[expect(clippy::print_stdout, reason = "the parent waits for this line")]
async fn stand_still() {
    println!("\nstanding still");
    std::future::pending().await
}

/// A worker that runs one job at a time.
async fn worker(engine: Postgres, stands_still: StandsStill) -> ReadyWorker {
    let one = JobOptions::default().max_parallel(1);
    let module = Module::new("films", stands_still).job_with("render", one, render);
    Worker::new(engine).module(module).max_parallel_jobs(1).ready().await.unwrap()
}

#[tokio::test]
async fn w32_a_slot_that_a_killed_process_held_is_free_once_its_lease_ends() {
    tokio::time::timeout(HANGS_AFTER, a_killed_process_leaves_its_job()).await.expect("its job is never run again");
}

async fn a_killed_process_leaves_its_job() {
    let database = Database::create().await;
    let engine = database.engine().await;
    let start = ManualClock::new().now();
    engine.wind_to(start).await.unwrap();
    let survivor = worker(engine.clone(), false).await;
    let (client, tenant) = (survivor.client("test"), Tenant::default());
    let cut_off = client.enqueue(&tenant, Render {}).await.unwrap();
    let mut process =
        ChildProcess::start("killed_jobs::a_worker_in_a_process_of_its_own", [(DATABASE, OsStr::new(database.url()))]);
    process.wait_for("standing still", 1);
    let held = client.run(&tenant, cut_off).await.unwrap().unwrap();
    process.kill();
    assert_eq!(held.status, RunStatus::Running);

    for _ in 0..OTHERS {
        client.enqueue(&tenant, Render {}).await.unwrap();
    }
    let ended = async || {
        let succeeded = RunFilter::default().status(RunStatus::Succeeded);
        client.runs(&succeeded).await.unwrap().into_iter().map(|run| run.id).collect::<Vec<_>>()
    };
    survivor
        .run_until(async {
            // One worker's death takes no slot from another.
            while ended().await.len() < OTHERS {}
            engine.wind_to(start + (LEASE - Duration::from_micros(1))).await.unwrap();
            let run = client.run(&tenant, cut_off).await.unwrap().unwrap();
            assert_eq!(run.status, RunStatus::Running, "not a microsecond early");
            engine.wind_to(start + LEASE).await.unwrap();
            while ended().await.len() <= OTHERS {}
        })
        .await;

    let run = client.run(&tenant, cut_off).await.unwrap().unwrap();
    assert_eq!((run.status, run.attempts, run.result.as_deref()), (RunStatus::Succeeded, 1, Some("1")));
    engine.close().await;
    database.remove().await;
}

#[tokio::test]
#[ignore = "the part that is killed"]
async fn a_worker_in_a_process_of_its_own() {
    // Not set when somebody runs every ignored test.
    let Ok(url) = env::var(DATABASE) else { return };
    let engine = Postgres::options(&url).unwrap().transactions_max(8).connect().await.unwrap();
    worker(engine, true).await.run_until(std::future::pending()).await;
}
