//! Real processes that die by SIGKILL, in the midst of their work or while they are stopping. The database's time stands
//! still until it is wound, so that leases end when the test says so.

use std::{env, ffi::OsStr, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use wharf::{
    Clock, Key, Kind, Message, Module, Msg, ReadyWorker, Result, State, Tenant, Tx, Worker, ports::Store,
    ports::Transport, testing::ManualClock,
};
use wharf_postgres::{Postgres, PostgresTx};

use crate::{child_process::ChildProcess, database::Database};

/// Where the child finds its database.
const DATABASE: &str = "WHARF_TEST_KILLED_DATABASE";
const NUMBERS: i64 = 40;
/// From this number on, the child's handlers stand still, having written, so that it can be killed in the midst of them.
const STANDS_STILL_FROM: i64 = 13;
const CONCURRENCY: usize = 4;
const LEASE: Duration = Duration::from_secs(30);
/// Real time: it guards the test, and nothing waits for it.
const HANGS_AFTER: Duration = Duration::from_secs(120);

#[derive(Serialize, Deserialize)]
struct Number {
    number: i64,
}

impl Message for Number {
    const NAME: &'static str = "number";
    const KIND: Kind = Kind::Command;

    fn key(&self) -> Key {
        Key::new("number", self.number)
    }
}

/// Where its handlers stand still, if anywhere.
type StandsStill = Option<i64>;

async fn write(Msg(Number { number }): Msg<Number>, State(stands_still): State<StandsStill>, mut tx: Tx) -> Result {
    let insert = sqlx::query("INSERT INTO numbers (number) VALUES ($1)").bind(number);
    insert.execute(tx.postgres().await?).await?;
    if stands_still.is_some_and(|from| number >= from) {
        stand_still().await;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the parent waits for this line")]
async fn stand_still() {
    println!("\nstanding still");
    std::future::pending().await
}

async fn worker(engine: Postgres, stands_still: StandsStill) -> ReadyWorker {
    let module = Module::new("numbers", stands_still);
    let module = module.endpoint("write", |e| e.concurrency(CONCURRENCY).prefetch(8).consume("write", write));
    Worker::new(engine).module(module).ready().await.unwrap()
}

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// SIGKILL.
    Killed,
    /// SIGTERM, and SIGKILL while it drains.
    KilledWhileDraining,
}

/// Processes that end so, one after the other before the first one's leases do, and then one that lives.
async fn check(ends: &[End]) {
    tokio::time::timeout(HANGS_AFTER, recovers_from(ends)).await.expect("what was cut off is not recovered");
}

async fn recovers_from(ends: &[End]) {
    let database = Database::create().await;
    database.run("CREATE TABLE numbers (number BIGINT NOT NULL)").await;
    let engine = database.engine().await;
    let start = ManualClock::new().now();
    engine.wind_to(start).await.unwrap();
    let survivor = worker(engine.clone(), None).await;
    let client = survivor.client("test");
    for number in 0..NUMBERS {
        client.send(&Tenant::default(), Number { number }).await.unwrap();
    }
    for end in ends {
        let mut process = start_worker(&database);
        process.wait_for("standing still", CONCURRENCY);
        if *end == End::KilledWhileDraining {
            process.ask_to_stop();
            process.wait_for("stopping", 1);
        }
        process.kill();
    }
    let written = async || -> Vec<i64> {
        let written = sqlx::query_scalar("SELECT number FROM numbers ORDER BY number");
        written.fetch_all(engine.pool()).await.unwrap()
    };
    assert!(written().await.iter().all(|number| *number < STANDS_STILL_FROM), "half of a delivery is none of it");
    let left = async || {
        let depths = engine.depth().await.unwrap();
        depths.first().map_or((0, 0), |depth| (depth.due, depth.held))
    };

    survivor
        .run_until(async {
            while left().await.0 > 0 {}
            engine.wind_to(start + (LEASE - Duration::from_micros(1))).await.unwrap();
            let (due, held) = left().await;
            assert_eq!(due, 0, "not a microsecond early");
            assert!(held >= (ends.len() * CONCURRENCY) as u64, "{held} were cut off");
            engine.wind_to(start + LEASE).await.unwrap();
            while left().await != (0, 0) {}
        })
        .await;

    assert_eq!(written().await, (0..NUMBERS).collect::<Vec<_>>(), "each once");
    engine.close().await;
    database.remove().await;
}

#[tokio::test]
async fn w01_what_sigkill_cut_off_is_recovered_when_its_lease_ends_and_done_once() {
    check(&[End::Killed]).await;
}

#[tokio::test]
async fn w02_a_process_killed_while_it_drains_leaves_a_batch_that_is_completed() {
    check(&[End::KilledWhileDraining]).await;
}

#[tokio::test]
async fn w03_two_restarts_before_the_leases_end_lose_and_double_nothing() {
    check(&[End::KilledWhileDraining, End::Killed]).await;
}

/// [`a_worker_in_a_process_of_its_own`].
fn start_worker(database: &Database) -> ChildProcess {
    ChildProcess::start("killed::a_worker_in_a_process_of_its_own", [(DATABASE, OsStr::new(database.url()))])
}

#[tokio::test]
#[ignore = "the part that is killed"]
#[expect(clippy::print_stdout, reason = "the parent waits for this line")]
async fn a_worker_in_a_process_of_its_own() {
    // Not set when somebody runs every ignored test.
    let Ok(url) = env::var(DATABASE) else { return };
    let mut asked_to_stop = signal(SignalKind::terminate()).unwrap();
    let engine = Postgres::options(&url).unwrap().transactions_max(8).connect().await.unwrap();
    worker(engine, Some(STANDS_STILL_FROM))
        .await
        .run_until(async {
            asked_to_stop.recv().await;
            println!("\nstopping");
        })
        .await;
}
