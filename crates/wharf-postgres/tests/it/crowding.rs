//! w17, w18: what others on the same server make slow elsewhere.

use std::{collections::BTreeSet, time::Duration};

use sqlx::{Connection, Executor, postgres::PgListener};
use tokio::sync::mpsc;
use wharf::{
    Bus, Key, Message, Module, Msg, Result, State, Tenant, Tx, Worker,
    ports::{Claim, Transport},
};
use wharf_postgres::PostgresTx;

use crate::{
    database::Database,
    workers::{Counted, see},
};

/// A transaction that was forgotten keeps the server from clearing away what was handled since.
#[tokio::test(flavor = "multi_thread")]
async fn w17_behind_a_snapshot_that_is_held_each_is_handled_once_and_claims_stay_cheap() {
    const MESSAGES: i64 = 3_000;

    let database = Database::create().await;
    let mut forgotten = database.connection().await;
    forgotten.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1").await.unwrap();
    let engine = database.engine().await;
    let (seen, mut seeing) = mpsc::unbounded_channel();
    let module = Module::new("test", seen).endpoint("see", |at| at.prefetch(500).concurrency(50).consume("see", see));
    let worker = Worker::new(engine.clone()).module(module).ready().await.unwrap();
    let client = worker.client("test");
    let work = client.begin(&Tenant::default()).unwrap();
    (0..MESSAGES).for_each(|number| work.bus.publish(Counted { number }));
    work.commit().await.unwrap();

    let mut seen = BTreeSet::new();
    worker
        .run_until(async {
            for _ in 0..MESSAGES {
                seen.insert(seeing.recv().await.unwrap());
            }
        })
        .await;
    assert_eq!(client.depth().await.unwrap(), []);
    assert_eq!((seen.len(), seeing.try_recv().ok()), (3_000, None), "each once");
    engine.close().await;

    let before = database.blocks_of_deliveries().await;
    let engine = database.engine().await;
    assert!(engine.claim(&Claim::new("see", 10, Duration::from_secs(30))).await.unwrap().deliveries.is_empty());
    engine.close().await;
    let blocks = database.blocks_of_deliveries().await - before;
    // Of each row two dead versions lie in the way, as it was sent and as it was taken. Both looks of a claim, for what is
    // due and for the next lease to end, pass each of them once; how many share a page depends on the order of the claims.
    assert!(blocks < 5 * MESSAGES, "{blocks} blocks");
    forgotten.close().await.unwrap();
    database.remove().await;
}

/// A `NOTIFY` in a transaction makes its commit wait for a lock of the whole server's.
#[tokio::test(flavor = "multi_thread")]
async fn w18_many_writers_commit_without_a_notification_of_their_own() {
    const MESSAGES: i64 = 200;

    async fn write(Msg(counted): Msg<Counted>, State(pids): State<Pids>, mut tx: Tx, bus: Bus) -> Result {
        let pid = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(tx.postgres().await?).await?;
        bus.publish(Written { number: counted.number });
        pids.send(Some(pid)).unwrap();
        Ok(())
    }
    async fn hear(Msg(_): Msg<Written>, State(pids): State<Pids>) -> Result {
        pids.send(None).unwrap();
        Ok(())
    }
    type Pids = mpsc::UnboundedSender<Option<i32>>;

    let database = Database::create().await;
    let engine = database.engine().await;
    let mut listener = PgListener::connect(database.url()).await.unwrap();
    listener.listen("wharf").await.unwrap();
    let (pids, mut told) = mpsc::unbounded_channel();
    let module = Module::new("test", pids).consume("write", write).consume("hear", hear);
    let worker = Worker::new(engine.clone()).module(module).ready().await.unwrap();
    let client = worker.client("test");
    let mut writers = BTreeSet::new();
    worker
        .run_until(async {
            for number in 0..MESSAGES {
                client.publish(&Tenant::default(), Counted { number }).await.unwrap();
            }
            for _ in 0..2 * MESSAGES {
                writers.extend(told.recv().await.unwrap());
            }
        })
        .await;
    let commits = engine.commits();
    engine.close().await;
    database.run("NOTIFY wharf, 'the end'").await;

    let mut notified = Vec::new();
    loop {
        let notification = listener.recv().await.unwrap();
        if notification.payload() == "the end" {
            break;
        }
        notified.push(notification.process_id().cast_signed());
    }
    let senders: BTreeSet<i32> = notified.iter().copied().collect();
    assert_eq!(senders.len(), 1, "all by the one connection that does nothing else");
    assert!(senders.is_disjoint(&writers));
    assert!(notified.len() as u64 * 2 < commits, "{} notifications for {commits} commits", notified.len());
    drop(listener);
    database.remove().await;
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Written {
    number: i64,
}

impl Message for Written {
    const NAME: &'static str = "test.written";
    fn key(&self) -> Key {
        Key::new("number", self.number)
    }
}
