//! How far a worker grows while so many messages wait at the broker.

use tokio::sync::mpsc;
use wharf::{
    Module, Worker,
    ports::{Claim, Transport},
};

use crate::{
    place::{Database, ENDPOINT, Queues, hear},
    resident::Resident,
};

/// It works on a part of them meanwhile.
const HANDLED: u64 = 10_000;
const AIM_MIB: u64 = 128;

pub(crate) async fn measure(messages: u64) {
    let (database, queues) = (Database::create().await, Queues::new());
    let engine = database.options().connect().await.unwrap();
    let transport = queues.transport().await;
    transport.claim(&Claim::new(ENDPOINT, 1, std::time::Duration::from_secs(60))).await.unwrap();
    transport.close().await;
    queues.fill(messages).await;

    let before = Resident::from_here();
    let (told, mut hears) = mpsc::unbounded_channel();
    let module = Module::new("bench", told).consume(ENDPOINT, hear);
    let worker = Worker::new(engine.clone()).via(transport.clone()).module(module).ready().await.unwrap();
    worker
        .run_until(async {
            for _ in 0..HANDLED.min(messages) {
                hears.recv().await.unwrap();
            }
        })
        .await;
    println!("memory of a worker, {messages} waiting: {} (aim: under {AIM_MIB} MiB)", before.growth());
    transport.remove().await.unwrap();
    engine.close().await;
    database.remove().await;
}
