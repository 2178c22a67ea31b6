//! Real processes that die: by their own doing, by SIGKILL in the midst of their work, and while they are stopping.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};
use wharf::{
    Client, DeadLetterFilter, Key, Kind, Message, Module, Msg, ReadyWorker, Result, State, Tenant, Tx, Worker,
};
use wharf_sqlite::{Sqlite, SqliteTx};

use crate::child_process::ChildProcess;

/// Where the child finds its database.
const DATABASE: &str = "WHARF_TEST_KILLED_DATABASE";
/// What becomes of the child.
const FATE: &str = "WHARF_TEST_KILLED_FATE";
const NUMBERS: u32 = 30;
const POISON: u32 = 13;
const CONCURRENCY: usize = 4;

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

/// What becomes of a process, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Fate {
    /// The poison kills it.
    Dies,
    /// From the poison on, handlers stand still, so that it can be killed in the midst of them.
    StandsStill,
    /// The same, once they have written.
    StandsStillHalfWritten,
    /// Nothing: it does all there is to do.
    Lives,
}

async fn write(Msg(Number { number }): Msg<Number>, State(fate): State<Fate>, mut tx: Tx) -> Result {
    match fate {
        Fate::Dies if number == POISON => std::process::abort(),
        Fate::StandsStill if number >= POISON => stand_still().await,
        Fate::Dies | Fate::StandsStill | Fate::StandsStillHalfWritten | Fate::Lives => {}
    }
    sqlx::query("INSERT INTO numbers (number) VALUES (?)").bind(number).execute(tx.sqlite().await?).await?;
    if fate == Fate::StandsStillHalfWritten && number >= POISON {
        stand_still().await;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the parent waits for this line")]
async fn stand_still() {
    println!("\nstanding still");
    std::future::pending().await
}

async fn worker(engine: Sqlite, fate: Fate) -> ReadyWorker {
    let module = Module::new("numbers", fate);
    let module = module.endpoint("write", |e| e.concurrency(CONCURRENCY).prefetch(8).consume("write", write));
    Worker::new(engine).module(module).ready().await.unwrap()
}

/// A database with all numbers sent, and nobody who works on them.
struct App {
    directory: TempDir,
}

impl App {
    async fn start() -> Self {
        let app = Self { directory: TempDir::new().unwrap() };
        let (engine, client) = app.open().await;
        run(&app.path(), "CREATE TABLE numbers (number INTEGER NOT NULL)").await;
        for number in 0..NUMBERS {
            client.send(&Tenant::default(), Number { number }).await.unwrap();
        }
        engine.close().await;
        app
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("app.db")
    }

    async fn open(&self) -> (Sqlite, Client) {
        let engine = Sqlite::open(self.path()).await.unwrap();
        let client = worker(engine.clone(), Fate::Lives).await.client("test");
        (engine, client)
    }

    /// The numbers written, in their order.
    async fn written(&self) -> Vec<u32> {
        let reader = Sqlite::read_only(self.path()).await.unwrap();
        let written =
            sqlx::query_scalar("SELECT number FROM numbers ORDER BY number").fetch_all(&reader).await.unwrap();
        reader.close().await;
        written
    }
}

#[tokio::test]
async fn w25_a_message_that_kills_its_process_is_set_aside_and_all_others_are_handled_once() {
    let app = App::start().await;

    let mut deaths = 0;
    while !start_worker(&app.path(), Fate::Dies).ends_well() {
        deaths += 1;
        assert!(deaths <= 4, "the poison is never set aside");
    }

    assert_eq!(deaths, 4, "once among others, three times alone");
    let (engine, client) = app.open().await;
    let letters = client.dead_letters(&DeadLetterFilter::default()).await.unwrap();
    let told: Vec<_> = letters.iter().map(|one| (one.code.as_str(), one.envelope.key.as_str())).collect();
    assert_eq!(told, [("W0028", "number:13")]);
    engine.close().await;
    assert_eq!(app.written().await, (0..NUMBERS).filter(|number| *number != POISON).collect::<Vec<_>>());
}

#[tokio::test]
async fn w01_what_sigkill_cut_off_is_taken_over_at_once_and_done_once() {
    let app = App::start().await;
    let mut process = start_worker(&app.path(), Fate::StandsStillHalfWritten);
    process.wait_for("standing still", 1);
    process.kill();
    assert!(app.written().await.iter().all(|number| *number < POISON), "half of a delivery is none of it");

    assert!(start_worker(&app.path(), Fate::Lives).ends_well(), "within the lease: the file has one owner");

    assert_eq!(app.written().await, (0..NUMBERS).collect::<Vec<_>>());
}

#[tokio::test]
async fn w02_a_process_killed_while_it_drains_leaves_a_batch_that_is_completed() {
    let app = App::start().await;
    let mut process = start_worker(&app.path(), Fate::StandsStill);
    process.wait_for("standing still", CONCURRENCY);
    process.ask_to_stop();
    process.wait_for("stopping", 1);
    process.kill();
    assert!(app.written().await.iter().all(|number| *number < POISON));

    assert!(start_worker(&app.path(), Fate::Lives).ends_well());

    assert_eq!(app.written().await, (0..NUMBERS).collect::<Vec<_>>());
}

/// [`a_worker_in_a_process_of_its_own`].
fn start_worker(database: &Path, fate: Fate) -> ChildProcess {
    let fate = serde_json::to_string(&fate).unwrap();
    let variables = [(DATABASE, database.as_os_str()), (FATE, OsStr::new(&fate))];
    ChildProcess::start("killed::a_worker_in_a_process_of_its_own", variables)
}

#[tokio::test]
#[ignore = "the part that is killed"]
async fn a_worker_in_a_process_of_its_own() {
    // Not set when somebody runs every ignored test.
    let Some(path) = env::var_os(DATABASE).map(PathBuf::from) else { return };
    let fate = serde_json::from_str(&env::var(FATE).unwrap()).unwrap();
    let mut asked_to_stop = signal(SignalKind::terminate()).unwrap();
    let engine = Sqlite::open(path).await.unwrap();
    let worker = worker(engine.clone(), fate).await;
    let client = worker.client("test");
    worker
        .run_until(async {
            let all_done = async {
                while !client.depth().await.unwrap().is_empty() {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                () = all_done => {}
                _ = asked_to_stop.recv() => println!("\nstopping"),
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
