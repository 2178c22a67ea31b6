//! w25, through a real process boundary: a message that kills its process is set aside, and takes no other with it.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::{Deserialize, Serialize};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use wharf::{DeadLetterFilter, Key, Kind, Message, Module, Msg, ReadyWorker, Result, Tenant, Tx, Worker};
use wharf_sqlite::{Sqlite, SqliteTx};

/// Where the child finds its database.
const DATABASE: &str = "WHARF_TEST_KILLED_DATABASE";
const NUMBERS: u32 = 30;
const POISON: u32 = 13;

#[derive(Serialize, Deserialize)]
struct Number {
    number: u32,
}

impl Message for Number {
    const NAME: &'static str = "number";
    const KIND: Kind = Kind::Command;

    fn key(&self) -> Key {
        Key::new("number", self.number)
    }
}

async fn write(Msg(Number { number }): Msg<Number>, mut tx: Tx) -> Result {
    if number == POISON {
        std::process::abort();
    }
    sqlx::query("INSERT INTO numbers (number) VALUES (?)").bind(number).execute(tx.sqlite().await?).await?;
    Ok(())
}

async fn worker(engine: Sqlite) -> ReadyWorker {
    let module = Module::new("numbers", ());
    let module = module.endpoint("write", |e| e.concurrency(4).prefetch(8).consume("write", write));
    Worker::new(engine).module(module).ready().await.unwrap()
}

#[tokio::test]
async fn a_message_that_kills_its_process_is_set_aside_and_all_others_are_handled_once() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("app.db");
    let engine = Sqlite::open(&path).await.unwrap();
    run(&path, "CREATE TABLE numbers (number INTEGER NOT NULL)").await;
    let client = worker(engine.clone()).await.client("test");
    for number in 0..NUMBERS {
        client.send(&Tenant::default(), Number { number }).await.unwrap();
    }
    engine.close().await;

    let mut deaths = 0;
    while !ran_to_its_end(&path) {
        deaths += 1;
        assert!(deaths <= 4, "the poison is never set aside");
    }

    assert_eq!(deaths, 4, "once among others, three times alone");
    let engine = Sqlite::open(&path).await.unwrap();
    let client = worker(engine.clone()).await.client("test");
    let letters = client.dead_letters(&DeadLetterFilter::default()).await.unwrap();
    let told: Vec<_> = letters.iter().map(|one| (one.code.as_str(), one.envelope.key.as_str())).collect();
    assert_eq!(told, [("W0028", "number:13")]);
    let handled: Vec<u32> =
        sqlx::query_scalar("SELECT number FROM numbers ORDER BY number").fetch_all(engine.read_pool()).await.unwrap();
    assert_eq!(handled, (0..NUMBERS).filter(|number| *number != POISON).collect::<Vec<_>>());
    engine.close().await;
}

/// Runs [`a_worker_in_a_process_of_its_own`]; whether it lived to see all of its work done.
fn ran_to_its_end(database: &Path) -> bool {
    let this = env::current_exe().unwrap();
    let name = "killed::a_worker_in_a_process_of_its_own";
    let child = Command::new(this)
        .args(["--exact", name, "--ignored"])
        .env(DATABASE, database)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    child.unwrap().success()
}

#[tokio::test]
#[ignore = "the part that is killed"]
async fn a_worker_in_a_process_of_its_own() {
    // Not set when somebody runs every ignored test.
    let Some(path) = env::var_os(DATABASE).map(PathBuf::from) else { return };
    let engine = Sqlite::open(path).await.unwrap();
    let worker = worker(engine.clone()).await;
    let client = worker.client("test");
    worker
        .run_until(async {
            while !client.depth().await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    engine.close().await;
}

async fn run(path: &Path, sql: &'static str) {
    let mut connection = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path)).await.unwrap();
    sqlx::query(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
