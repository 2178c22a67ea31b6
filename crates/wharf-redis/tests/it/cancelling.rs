//! A message is cancelled from another process: its handler hears of it by a signal.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::{sync::mpsc, time::timeout};
use wharf::{
    Cancel, CancelReason, DeadLetterFilter, Key, Kind, Memory, Message, Module, Msg, Result, State, Tenant, Worker,
};
use wharf_redis::Redis;

use crate::server::{prefix, url};

#[derive(Serialize, Deserialize)]
struct Report;

impl Message for Report {
    const NAME: &'static str = "test.report";
    const KIND: Kind = Kind::Command;
    fn key(&self) -> Key {
        Key::new("report", 1)
    }
}

type Told = mpsc::UnboundedSender<Option<CancelReason>>;

async fn write(_: Msg<Report>, State(told): State<Told>, cancel: Cancel) -> Result {
    told.send(None).unwrap();
    told.send(Some(cancel.cancelled().await)).unwrap();
    std::future::pending().await
}

#[tokio::test]
async fn a_message_that_is_handled_elsewhere_is_cancelled_by_a_signal() {
    let (engine, prefix, tenant) = (Memory::new(), prefix(), Tenant::default());
    let connect = || Redis::options(&url()).unwrap().prefix(&prefix).connect().unwrap();
    let (told, mut telling) = mpsc::unbounded_channel();
    let module = Module::new("test", told).consume("write", write);
    let worker = Worker::new(engine.clone()).signals(connect()).module(module).ready().await.unwrap();
    let client = Worker::new(engine).signals(connect()).ready().await.unwrap().client("elsewhere");

    worker
        .run_until(async {
            let id = client.send(&tenant, Report).await.unwrap();
            assert_eq!(telling.recv().await, Some(None), "it has begun");
            let mut heard = async || {
                loop {
                    // The listener may still be on its way to Redis.
                    client.cancel(&tenant, id).await.unwrap();
                    if let Ok(told) = timeout(Duration::from_millis(100), telling.recv()).await {
                        return told;
                    }
                }
            };
            assert_eq!(heard().await, Some(Some(CancelReason::User)));
            while client.dead_letters(&DeadLetterFilter::default()).await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
            let letter = client.dead_letters(&DeadLetterFilter::default()).await.unwrap().remove(0);
            assert_eq!((letter.code.as_str(), letter.envelope.id), ("W0070", id));
            assert_eq!(client.workers().await.unwrap().len(), 1, "the one that runs");
        })
        .await;
    assert_eq!(client.workers().await.unwrap(), []);
}
