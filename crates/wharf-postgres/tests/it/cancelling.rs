//! What one process handles another sees, and cancels at once.

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use wharf::{
    Cancel, CancelReason, DeadLetterFilter, Key, Kind, Message, Module, Msg, Result, State, Tenant, Tx, Worker,
    testing::ManualClock,
};
use wharf_postgres::PostgresTx;

use crate::database::Database;

#[derive(Serialize, Deserialize)]
struct Report {
    number: i64,
}

impl Message for Report {
    const NAME: &'static str = "test.report";
    const KIND: Kind = Kind::Command;
    fn key(&self) -> Key {
        Key::new("report", self.number)
    }
}

type Told = mpsc::UnboundedSender<Option<CancelReason>>;

/// The first one tells that it was cancelled and then hangs; the second never listens.
async fn write(Msg(report): Msg<Report>, State(told): State<Told>, mut tx: Tx, cancel: Cancel) -> Result {
    sqlx::query("INSERT INTO reports VALUES ($1)").bind(report.number).execute(tx.postgres().await?).await?;
    told.send(None).unwrap();
    if report.number == 1 {
        told.send(Some(cancel.cancelled().await)).unwrap();
    }
    std::future::pending().await
}

/// Nobody winds the clocks, so nothing comes about by looking every so often.
#[tokio::test]
async fn a_message_that_is_handled_in_another_process_is_cancelled_by_a_signal() {
    let (database, tenant) = (Database::create().await, Tenant::default());
    database.run("CREATE TABLE reports (number BIGINT NOT NULL)").await;
    let (here, there) = (database.engine_at(ManualClock::new()).await, database.engine_at(ManualClock::new()).await);
    let (told, mut telling) = mpsc::unbounded_channel();
    let module = Module::new("test", told).consume("write", write);
    let worker = Worker::new(here.clone()).version("1.2.3").module(module).ready().await.unwrap();
    let client = Worker::new(there.clone()).ready().await.unwrap().client("elsewhere");

    worker
        .run_until(async {
            database.listener().await;
            for (number, cancelled) in [(1, 1), (2, 2)] {
                let id = client.send(&tenant, Report { number }).await.unwrap();
                assert_eq!(telling.recv().await, Some(None), "it has begun");
                assert_eq!(client.cancel(&tenant, id).await.unwrap(), 0, "it does not wait any more");
                if number == 1 {
                    assert_eq!(telling.recv().await, Some(Some(CancelReason::User)));
                }
                let letters = async || client.dead_letters(&DeadLetterFilter::default()).await.unwrap();
                while letters().await.len() < cancelled {}
                let letter = letters().await.pop().unwrap();
                assert_eq!((letter.code.as_str(), letter.envelope.id), ("W0070", id));
            }
            let workers = client.workers().await.unwrap();
            let known: Vec<_> = workers.iter().map(|worker| (worker.version.as_deref(), &*worker.endpoints)).collect();
            assert_eq!(known, [(Some("1.2.3"), &["write".to_owned()][..])]);
        })
        .await;
    assert_eq!(client.workers().await.unwrap(), [], "it has taken leave");
    let written: i64 = sqlx::query_scalar("SELECT count(*) FROM reports").fetch_one(there.pool()).await.unwrap();
    assert_eq!(written, 0, "what was cancelled was not committed");

    here.close().await;
    there.close().await;
    database.remove().await;
}
