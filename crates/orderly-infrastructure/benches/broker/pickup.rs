//! From the commit that publishes to the handler that begins: outbox, relay, broker and inbox, one message at a time.

use std::time::Instant;

use tokio::sync::mpsc;
use wharf::{Module, Tenant, Worker};

use crate::{
    percentile,
    place::{Database, ENDPOINT, Happened, Queues, hear},
};

/// Before anything is counted: connections open, plans are made.
const WARM_UP: u64 = 10;

pub(crate) async fn measure(messages: u64) {
    let (database, queues) = (Database::create().await, Queues::new());
    let engine = database.options().connect().await.unwrap();
    let transport = queues.transport().await;
    let (told, mut hears) = mpsc::unbounded_channel();
    let module = Module::new("bench", told).consume(ENDPOINT, hear);
    let worker = Worker::new(engine.clone()).via(transport.clone()).module(module).ready().await.unwrap();
    let client = worker.client("bench");
    let mut took_ms = Vec::new();
    worker
        .run_until(async {
            for number in 0..WARM_UP + messages {
                let began = Instant::now();
                client.publish(&Tenant::default(), Happened { number }).await.unwrap();
                assert_eq!(hears.recv().await, Some(number));
                if number >= WARM_UP {
                    took_ms.push(began.elapsed().as_secs_f64() * 1_000.0);
                }
            }
        })
        .await;
    let (p50, p99) = (percentile(&mut took_ms, 0.5), percentile(&mut took_ms, 0.99));
    println!("pick-up through outbox and broker, {messages} one by one: p50 {p50:.2} ms, p99 {p99:.2} ms");
    transport.remove().await.unwrap();
    engine.close().await;
    database.remove().await;
}
