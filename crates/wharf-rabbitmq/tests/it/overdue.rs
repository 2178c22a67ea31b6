//! Deliveries that are acknowledged later than the broker allows.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::mpsc;
use wharf::{Memory, Module, Msg, Result, State, Tenant, Tx, Worker};
use wharf_rabbitmq::RabbitMq;

use crate::{
    private::Private,
    work::{Work, count, counted},
};

/// What the broker looks after every `TICK_MS`.
const ACKNOWLEDGED_WITHIN_MS: u64 = 2_000;
const TICK_MS: u64 = 200;
const SLOW: u32 = 1;

type Test = (Memory, mpsc::UnboundedSender<u32>, Arc<AtomicBool>);

/// The first run of the slow one has no end of its own.
async fn work(Msg(work): Msg<Work>, State((memory, told, begun)): State<Test>, mut tx: Tx) -> Result {
    told.send(work.number).unwrap();
    if work.number == SLOW && !begun.swap(true, Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
    count(&mut tx, &memory, work.number).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w21_what_is_acknowledged_too_late_for_the_broker_is_handled_on_a_new_channel() {
    let settings = [("consumer_timeout", ACKNOWLEDGED_WITHIN_MS), ("channel_tick_interval", TICK_MS)];
    let Some(broker) = Private::start_with(&settings).await else { return };
    let transport = RabbitMq::options(&broker.url("guest")).unwrap().connect().await.unwrap();
    let (memory, (told, mut hears)) = (Memory::new(), mpsc::unbounded_channel());
    let module = Module::new("test", (memory.clone(), told, Arc::default())).consume("work", work);
    let worker = Worker::new(memory.clone()).via(transport.clone()).module(module).ready().await.unwrap();
    let client = worker.client("a test");
    worker
        .run_until(async {
            for number in [0, SLOW] {
                client.publish(&Tenant::default(), Work::new(number)).await.unwrap();
            }
            let mut heard = [hears.recv().await.unwrap(), hears.recv().await.unwrap()];
            heard.sort_unstable();
            assert_eq!(heard, [0, SLOW]);
            assert_eq!(hears.recv().await, Some(SLOW), "the broker has closed the channel, and hands it out again");
            client.publish(&Tenant::default(), Work::new(2)).await.unwrap();
            assert_eq!(hears.recv().await, Some(2));
        })
        .await;
    for number in 0..3 {
        assert_eq!(counted(&memory, number).await, 1, "message {number}");
    }
    transport.close().await;
}
