//! Several processes on one database.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use wharf::{Key, Limits, Message, Module, Msg, ReadyWorker, Result, State, Tenant, Tx, Worker};
use wharf_postgres::{Postgres, PostgresTx};

use crate::database::Database;

#[derive(Serialize, Deserialize)]
pub(crate) struct Counted {
    pub(crate) number: i64,
}

impl Message for Counted {
    const NAME: &'static str = "test.counted";

    fn key(&self) -> Key {
        Key::new("number", self.number)
    }
}

pub(crate) type Seen = mpsc::UnboundedSender<i64>;

/// A handler that only tells the test.
pub(crate) async fn see(Msg(counted): Msg<Counted>, State(seen): State<Seen>) -> Result {
    seen.send(counted.number).unwrap();
    Ok(())
}

/// Limits under which nothing happens unless somebody rings.
pub(crate) fn only_when_woken() -> Limits {
    let mut limits = Limits::default();
    limits.fallback_poll = std::time::Duration::from_secs(3600);
    limits
}

/// A worker that tells what it sees, once it is woken.
pub(crate) async fn seer(engine: &Postgres, seen: &Seen) -> ReadyWorker {
    let module = Module::new("test", seen.clone()).consume("see", see);
    Worker::new(engine.clone()).module(module).limits(only_when_woken()).ready().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_handle_each_of_many_messages_once() {
    const MESSAGES: i64 = 400;

    async fn write(Msg(counted): Msg<Counted>, State(seen): State<Seen>, mut tx: Tx) -> Result {
        let insert = sqlx::query("INSERT INTO handled (number) VALUES ($1)").bind(counted.number);
        insert.execute(tx.postgres().await?).await?;
        seen.send(counted.number).unwrap();
        Ok(())
    }

    let database = Database::create().await;
    database.run("CREATE TABLE handled (number BIGINT NOT NULL)").await;
    let (seen, mut seeing) = mpsc::unbounded_channel();
    let (first, second) = (database.engine().await, database.engine().await);
    let worker = async |engine| {
        let module = Module::new("test", seen.clone());
        let module = module.endpoint("write", |write_at| write_at.prefetch(20).concurrency(4).consume("write", write));
        Worker::new(engine).module(module).ready().await.unwrap()
    };
    let (worker, other) = (worker(first.clone()).await, worker(second.clone()).await);
    let client = worker.client("test");
    let work = client.begin(&Tenant::default()).unwrap();
    (0..MESSAGES).for_each(|number| work.bus.publish(Counted { number }));
    work.commit().await.unwrap();

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let other = tokio::spawn(other.run_until(async { drop(stopped.await) }));
    worker
        .run_until(async {
            for _ in 0..MESSAGES {
                seeing.recv().await.unwrap();
            }
        })
        .await;
    stop.send(()).unwrap();
    other.await.unwrap();

    let handled: Vec<i64> = sqlx::query_scalar("SELECT number FROM handled").fetch_all(first.pool()).await.unwrap();
    let distinct: BTreeSet<_> = handled.iter().collect();
    assert_eq!((handled.len(), distinct.len()), (400, 400));
    assert_eq!(client.depth().await.unwrap(), []);
    first.close().await;
    second.close().await;
    database.remove().await;
}

#[tokio::test]
async fn an_idle_worker_is_woken_by_what_another_process_sends() {
    let database = Database::create().await;
    let (seen, mut seeing) = mpsc::unbounded_channel();
    let (here, there) = (database.engine().await, database.engine().await);
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
