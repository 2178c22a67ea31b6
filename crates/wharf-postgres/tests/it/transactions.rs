//! What handlers do to their transaction, and what becomes of the delivery.

use serde::{Deserialize, Serialize};
use sqlx::{Connection, Executor};
use tokio::sync::mpsc;
use wharf::{
    Attempt, DeadLetter, DeadLetterFilter, Key, Message, Module, Msg, Result, Retry, State, Tenant, Tx, Worker,
};
use wharf_postgres::{Postgres, PostgresTx};

use crate::database::Database;

#[derive(Serialize, Deserialize)]
struct Work {}

impl Message for Work {
    const NAME: &'static str = "test.work";

    fn key(&self) -> Key {
        Key::new("test", 1)
    }
}

/// Tells the test which attempt ran.
type Ran = mpsc::UnboundedSender<u32>;

/// Runs one message through this module until `attempts` have run; the notes that were committed, and the dead letters.
async fn notes_after(attempts: u32, module: impl FnOnce(Module<Ran>) -> Module<Ran>) -> (Vec<String>, Vec<DeadLetter>) {
    let database = Database::create().await;
    database.run("CREATE TABLE notes (note TEXT PRIMARY KEY)").await;
    let engine = database.engine().await;
    let (ran, mut running) = mpsc::unbounded_channel();
    let worker = Worker::new(engine.clone()).module(module(Module::new("test", ran))).ready().await.unwrap();
    let client = worker.client("test");
    client.publish(&Tenant::default(), Work {}).await.unwrap();
    worker.run_until(async { while running.recv().await.unwrap() < attempts {} }).await;

    let notes = sqlx::query_scalar("SELECT note FROM notes ORDER BY note").fetch_all(engine.pool()).await.unwrap();
    let dead = client.dead_letters(&DeadLetterFilter::default()).await.unwrap();
    assert_eq!(client.depth().await.unwrap(), [], "the delivery was settled");
    engine.close().await;
    database.remove().await;
    (notes, dead)
}

#[tokio::test]
async fn a_handler_that_swallows_a_database_error_is_tried_again() {
    async fn swallow_first(Msg(_): Msg<Work>, State(ran): State<Ran>, mut tx: Tx, attempt: Attempt) -> Result {
        let connection = tx.postgres().await?;
        sqlx::query("INSERT INTO notes VALUES ($1)").bind(attempt.number.to_string()).execute(&mut *connection).await?;
        if attempt.number == 1 {
            connection.execute("SELECT 1 / 0").await.unwrap_err();
        }
        ran.send(attempt.number).unwrap();
        Ok(())
    }

    let (notes, dead) = notes_after(2, |module| {
        module.endpoint("work", |work| work.retry(Retry::immediate("again", 1)).consume("swallow", swallow_first))
    })
    .await;

    assert_eq!(notes, ["2"]);
    assert_eq!(dead, []);
}

#[tokio::test]
async fn a_commit_of_the_handlers_own_is_noticed_and_not_acknowledged() {
    async fn commit_first(Msg(_): Msg<Work>, State(ran): State<Ran>, mut tx: Tx, attempt: Attempt) -> Result {
        let connection = tx.postgres().await?;
        if attempt.number == 1 {
            connection.execute("COMMIT").await?;
            connection.execute("BEGIN").await?;
        }
        sqlx::query("INSERT INTO notes VALUES ($1)").bind(attempt.number.to_string()).execute(&mut *connection).await?;
        ran.send(attempt.number).unwrap();
        Ok(())
    }

    let (notes, dead) = notes_after(2, |module| {
        module.endpoint("work", |work| work.retry(Retry::immediate("again", 1)).consume("commit", commit_first))
    })
    .await;

    assert_eq!(notes, ["2"]);
    assert_eq!(dead, []);
}

#[tokio::test]
async fn a_transaction_begun_by_the_handler_is_a_savepoint() {
    async fn nest(Msg(_): Msg<Work>, State(ran): State<Ran>, mut tx: Tx, attempt: Attempt) -> Result {
        let connection = tx.postgres().await?;
        let mut kept = connection.begin().await?;
        kept.execute("INSERT INTO notes VALUES ('committed')").await?;
        kept.commit().await?;
        let mut undone = connection.begin().await?;
        undone.execute("INSERT INTO notes VALUES ('rolled back')").await?;
        undone.rollback().await?;
        let mut dropped = connection.begin().await?;
        dropped.execute("INSERT INTO notes VALUES ('dropped')").await?;
        dropped.execute("SELECT 1 / 0").await.unwrap_err();
        drop(dropped);
        ran.send(attempt.number).unwrap();
        Ok(())
    }

    let (notes, dead) = notes_after(1, |module| module.consume("nest", nest)).await;

    assert_eq!(notes, ["committed"]);
    assert_eq!(dead, []);
}

#[tokio::test]
async fn a_constraint_checked_at_commit_fails_the_delivery() {
    async fn violate_first(Msg(_): Msg<Work>, State(ran): State<Ran>, mut tx: Tx, attempt: Attempt) -> Result {
        let connection = tx.postgres().await?;
        connection.execute("CREATE TABLE late (id INT UNIQUE DEFERRABLE INITIALLY DEFERRED)").await?;
        connection.execute("INSERT INTO late VALUES (1)").await?;
        if attempt.number == 1 {
            connection.execute("INSERT INTO late VALUES (1)").await?;
        }
        sqlx::query("INSERT INTO notes VALUES ($1)").bind(attempt.number.to_string()).execute(&mut *connection).await?;
        ran.send(attempt.number).unwrap();
        Ok(())
    }

    let (notes, dead) = notes_after(2, |module| {
        module.endpoint("work", |work| work.retry(Retry::immediate("again", 1)).consume("violate", violate_first))
    })
    .await;

    assert_eq!(notes, ["2"]);
    assert_eq!(dead, []);
}

#[tokio::test]
async fn handlers_that_wait_for_a_connection_each_get_a_transaction_of_their_own() {
    const MESSAGES: u32 = 40;

    #[derive(Serialize, Deserialize)]
    struct Numbered {
        number: u32,
    }

    impl Message for Numbered {
        const NAME: &'static str = "test.numbered";

        fn key(&self) -> Key {
            Key::new("number", self.number)
        }
    }

    async fn note(Msg(numbered): Msg<Numbered>, State(ran): State<Ran>, mut tx: Tx) -> Result {
        let note = "INSERT INTO notes VALUES (pg_current_xact_id()::text)";
        tx.postgres().await?.execute(note).await?;
        ran.send(numbered.number).unwrap();
        Ok(())
    }

    let database = Database::create().await;
    database.run("CREATE TABLE notes (note TEXT PRIMARY KEY)").await;
    let engine = Postgres::options(database.url()).unwrap().transactions_max(2).connect().await.unwrap();
    let (ran, mut running) = mpsc::unbounded_channel();
    let worker =
        Worker::new(engine.clone()).module(Module::new("test", ran).consume("note", note)).ready().await.unwrap();
    let client = worker.client("test");
    let work = client.begin(&Tenant::default()).unwrap();
    (0..MESSAGES).for_each(|number| work.bus.publish(Numbered { number }));
    work.commit().await.unwrap();
    worker
        .run_until(async {
            for _ in 0..MESSAGES {
                running.recv().await.unwrap();
            }
        })
        .await;

    // The note is unique: no two wrote in one transaction.
    let notes: i64 = sqlx::query_scalar("SELECT count(*) FROM notes").fetch_one(engine.pool()).await.unwrap();
    assert_eq!(notes, i64::from(MESSAGES));
    assert_eq!(client.depth().await.unwrap(), []);
    engine.close().await;
    database.remove().await;
}
