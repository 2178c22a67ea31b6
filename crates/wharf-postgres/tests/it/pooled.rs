//! w15: behind PgBouncer in transaction mode.

use std::{convert::Infallible, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use wharf::{
    Attempt, Code, DeadLetterFilter, Failure, Key, Message, Module, Msg, Result, Retry, Saga, SagaConsumer, Start,
    State, Step, Tenant, Tx, Worker, begin, finish, stay, to,
};
use wharf_postgres::PostgresTx;

use crate::{
    database::Database,
    pooler::Pooler,
    workers::{Counted, seer},
};

/// As few as four open transactions, and what carries deliveries meanwhile, come by with.
const SERVER_CONNECTIONS_MAX: u32 = 6;

#[derive(Serialize, Deserialize)]
struct Work {
    number: i64,
}

impl Message for Work {
    const NAME: &'static str = "test.work";
    fn key(&self) -> Key {
        Key::new("number", self.number)
    }
}

#[derive(Serialize, Deserialize)]
struct Overdue {
    number: i64,
}

impl Message for Overdue {
    const NAME: &'static str = "test.overdue";
    fn key(&self) -> Key {
        Key::new("number", self.number)
    }
}

/// Says that a number is overdue, soon after it was heard of.
struct Reminder;

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Waiting {
    Yes,
    No,
}

#[derive(Debug)]
enum Event {
    Heard(i64),
    TimeIsUp,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Timer {
    TimeIsUp,
}

impl From<Timer> for Event {
    fn from(Timer::TimeIsUp: Timer) -> Self {
        Self::TimeIsUp
    }
}

impl Saga for Reminder {
    const NAME: &'static str = "test.reminder";
    type Facts = i64;
    type State = Waiting;
    type Event = Event;
    type Change = Infallible;
    type Timer = Timer;

    fn start(&self, event: Event) -> Start<Self> {
        match event {
            Event::Heard(number) => begin(number, to(Waiting::Yes).after(Duration::from_millis(20), Timer::TimeIsUp)),
            Event::TimeIsUp => Start::TooEarly,
        }
    }

    fn step(&self, number: &mut i64, state: Waiting, event: Event) -> Step<Self> {
        match state {
            Waiting::Yes => match event {
                Event::TimeIsUp => finish(Waiting::No).publish(Overdue { number: *number }),
                Event::Heard(_) => stay(),
            },
            Waiting::No => stay(),
        }
    }
}

fn soon() -> Retry {
    Retry::fixed("soon", [Duration::from_millis(1)])
}

type Ran = mpsc::UnboundedSender<&'static str>;

/// Succeeds at its second attempt; the first one's writes are undone.
async fn write(Msg(work): Msg<Work>, attempt: Attempt, mut tx: Tx) -> Result {
    let connection = tx.postgres().await?;
    // Statements of the same text as others' in other transactions, and a setting of the engine's options.
    sqlx::query("INSERT INTO notes (number, note) VALUES ($1, current_setting('application.note'))")
        .bind(work.number)
        .execute(&mut *connection)
        .await?;
    sqlx::query("UPDATE notes SET writes = writes + 1 WHERE number = $1").bind(work.number).execute(connection).await?;
    match attempt.number {
        1 => Err(Failure::retry("not yet")),
        _ => Ok(()),
    }
}

async fn refuse(Msg(_): Msg<Work>, State(ran): State<Ran>) -> Result {
    ran.send("refused")?;
    Err(Failure::dead_letter("not here"))
}

async fn remind(Msg(_): Msg<Overdue>, State(ran): State<Ran>) -> Result {
    ran.send("reminded")?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn w15_behind_a_pooler_in_transaction_mode_all_works_but_listening() {
    const MESSAGES: i64 = 100;

    let Some(pooler) = Pooler::start(SERVER_CONNECTIONS_MAX) else { return };
    let database = Database::create().await;
    database
        .run("CREATE SCHEMA app; CREATE TABLE app.notes (number BIGINT PRIMARY KEY, note TEXT, writes INT DEFAULT 0)")
        .await;
    let options = pooler.options(&database).setting("search_path", "app, public").setting("application.note", "Ada's");
    let engine = options.connect().await.unwrap();
    let (ran, mut running) = mpsc::unbounded_channel();
    let reminder = SagaConsumer::new(Reminder, ()).on(|Work { number }| Event::Heard(number));
    let module = Module::new("test", ran)
        .endpoint("write", |write_at| write_at.retry(soon()).consume("write", write))
        .consume("refuse", refuse)
        .saga("reminder", reminder)
        .consume("remind", remind);
    let worker = Worker::new(engine.clone()).module(module).ready().await.unwrap();
    let client = worker.client("test");
    worker
        .run_until(async {
            for number in 0..MESSAGES {
                client.publish(&Tenant::default(), Work { number }).await.unwrap();
            }
            for _ in 0..2 * MESSAGES {
                running.recv().await.unwrap();
            }
            while !client.depth().await.unwrap().is_empty() {}
        })
        .await;

    let mut direct = database.connection().await;
    let written: Vec<(String, i32, i64)> = sqlx::query_as("SELECT note, writes, count(*) FROM app.notes GROUP BY 1, 2")
        .fetch_all(&mut direct)
        .await
        .unwrap();
    assert_eq!(written, [("Ada's".to_owned(), 1, MESSAGES)], "each once, and with the settings of the options");
    let dead = client.dead_letters(&DeadLetterFilter::default()).await.unwrap();
    assert_eq!(dead.len(), 100);
    assert_eq!(client.discard(&DeadLetterFilter::default()).await.unwrap(), 100);
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM wharf.dead_letters").fetch_one(&mut direct).await.unwrap();
    assert_eq!(left, 0, "committed before it was answered");
    drop(direct);
    engine.close().await;
    database.remove().await;
}

#[tokio::test]
async fn w15_with_a_direct_connection_to_listen_on_a_worker_behind_a_pooler_is_woken() {
    let Some(pooler) = Pooler::start(SERVER_CONNECTIONS_MAX) else { return };
    let database = Database::create().await;
    let here = pooler.options(&database).listen_on(database.url()).unwrap().connect().await.unwrap();
    let there = pooler.options(&database).connect().await.unwrap();
    let (seen, mut seeing) = mpsc::unbounded_channel();
    let (worker, sender) = (seer(&here, &seen).await, seer(&there, &seen).await.client("elsewhere"));

    worker
        .run_until(async {
            database.listener().await;
            for number in 0..3 {
                sender.publish(&Tenant::default(), Counted { number }).await.unwrap();
                assert_eq!(seeing.recv().await, Some(number));
            }
        })
        .await;

    here.close().await;
    there.close().await;
    database.remove().await;
}

#[tokio::test]
async fn w15_many_may_migrate_through_a_pooler_at_once() {
    let Some(pooler) = Pooler::start(SERVER_CONNECTIONS_MAX) else { return };
    let database = Database::create().await;
    let expecting = || pooler.options(&database).expect_migrated().connect();
    assert_eq!(expecting().await.unwrap_err().code(), Code::SCHEMA_OLDER);

    let (one, two) = tokio::join!(pooler.options(&database).connect(), pooler.options(&database).connect());

    one.unwrap().close().await;
    two.unwrap().close().await;
    expecting().await.unwrap().close().await;
    database.remove().await;
}
