//! Publishing within transactions that the application opened.

use sqlx::{Connection, Executor};
use tokio::sync::mpsc;
use wharf::{Client, Code, Memory, Module, ReadyWorker, Tenant, Worker};
use wharf_postgres::{JoinPostgres, Postgres, PostgresTx};

use crate::{
    database::Database,
    workers::{Counted, Seen, only_when_woken, see},
};

async fn worker(engine: Postgres, seen: Seen) -> ReadyWorker {
    let module = Module::new("test", seen).consume("see", see);
    Worker::new(engine).module(module).limits(only_when_woken()).ready().await.unwrap()
}

async fn waiting(client: &Client) -> u64 {
    client.depth().await.unwrap().iter().map(|depth| depth.due).sum()
}

#[tokio::test]
async fn what_is_published_in_a_joined_transaction_leaves_with_its_commit_and_wakes_workers_elsewhere() {
    let database = Database::create().await;
    let (seen, mut seeing) = mpsc::unbounded_channel();
    let (here, there) = (database.engine().await, database.engine().await);
    let worker_here = worker(here.clone(), seen.clone()).await;
    let client = worker(there.clone(), seen).await.client("elsewhere");
    let pool = sqlx::PgPool::connect(database.url()).await.unwrap();

    worker_here
        .run_until(async {
            database.listener().await;
            let mut tx = pool.begin().await.unwrap();
            tx.execute("CREATE TABLE notes AS SELECT 'mine' AS note").await.unwrap();
            let mut work = client.join(&Tenant::default(), tx).unwrap();
            work.bus.publish(Counted { number: 1 });
            work.tx.postgres().await.unwrap().execute("INSERT INTO notes VALUES ('ours')").await.unwrap();
            assert_eq!(waiting(&client).await, 0, "nothing has left yet");
            work.commit().await.unwrap();
            assert_eq!(seeing.recv().await, Some(1));
        })
        .await;

    let notes: Vec<String> = sqlx::query_scalar("SELECT note FROM notes").fetch_all(&pool).await.unwrap();
    assert_eq!(notes, ["mine", "ours"]);
    pool.close().await;
    here.close().await;
    there.close().await;
    database.remove().await;
}

#[tokio::test]
async fn what_is_published_in_a_joined_transaction_that_does_not_commit_never_leaves() {
    let database = Database::create().await;
    let engine = database.engine().await;
    let client = worker(engine.clone(), mpsc::unbounded_channel().0).await.client("test");
    let pool = sqlx::PgPool::connect(database.url()).await.unwrap();
    database.run("CREATE TABLE notes (note TEXT)").await;
    let note = "INSERT INTO notes VALUES ('gone')";

    for rolled_back in [true, false] {
        let mut tx = pool.begin().await.unwrap();
        tx.execute(note).await.unwrap();
        let work = client.join(&Tenant::default(), tx).unwrap();
        work.bus.publish(Counted { number: 1 });
        if rolled_back {
            work.rollback().await.unwrap();
        } else {
            drop(work);
        }
    }
    // An error that was swallowed: the database will not commit, whatever it answers.
    let mut tx = pool.begin().await.unwrap();
    tx.execute(note).await.unwrap();
    tx.execute("SELECT 1 / 0").await.unwrap_err();
    let refused = client.join(&Tenant::default(), tx).unwrap().commit().await.unwrap_err();
    assert_eq!(refused.code(), Code::ENGINE_FAILED);
    assert!(refused.chain().contains("an earlier statement failed"), "{}", refused.chain());

    let mut connection = pool.acquire().await.unwrap();
    let notes: i64 = sqlx::query_scalar("SELECT count(*) FROM notes").fetch_one(&mut *connection).await.unwrap();
    assert_eq!((notes, waiting(&client).await), (0, 0));
    drop(connection);
    pool.close().await;
    engine.close().await;
    database.remove().await;
}

#[tokio::test]
async fn what_is_published_in_a_connection_leaves_with_the_commit_of_whoever_holds_it() {
    let database = Database::create().await;
    let engine = database.engine().await;
    let client = worker(engine.clone(), mpsc::unbounded_channel().0).await.client("test");
    let mut connection = database.connection().await;

    let mut tx = connection.begin().await.unwrap();
    client.publish_in(&mut tx, &Tenant::default(), Counted { number: 1 }).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(waiting(&client).await, 0);

    let mut tx = connection.begin().await.unwrap();
    client.publish_in(&mut tx, &Tenant::default(), Counted { number: 2 }).await.unwrap();
    assert_eq!(waiting(&client).await, 0);
    tx.commit().await.unwrap();
    assert_eq!(waiting(&client).await, 1);

    connection.close().await.unwrap();
    engine.close().await;
    database.remove().await;
}

#[tokio::test]
async fn a_worker_on_another_engine_cannot_join() {
    let database = Database::create().await;
    let pool = sqlx::PgPool::connect(database.url()).await.unwrap();
    let client = Worker::new(Memory::new()).ready().await.unwrap().client("test");

    let refused = client.join(&Tenant::default(), pool.begin().await.unwrap()).unwrap_err();

    assert_eq!(refused.code(), Code::WRONG_ENGINE);
    pool.close().await;
    database.remove().await;
}
