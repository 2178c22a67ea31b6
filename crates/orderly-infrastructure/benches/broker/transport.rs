//! The transport alone, without store, outbox and inbox, beside a loop on lapin.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, future::join_all};
use lapin::{
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use wharf::ports::{Claim, Outcome, Settlement, Transport};

use crate::{
    TAKES,
    place::{ENDPOINT, Queues, WINDOW, outgoing},
    print_rates,
};

const LEASE: Duration = Duration::from_secs(60);
/// What either side is to reach of the raw rate.
const AIM: f64 = 0.85;

/// Persistent and confirmed, a window at a time.
pub(crate) async fn publish(messages: u64) {
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..TAKES {
        let queues = Queues::new();
        let transport = queues.transport().await;
        transport.claim(&Claim::new(ENDPOINT, 1, LEASE)).await.unwrap();
        transport.close().await;
        let batches: Vec<Vec<_>> = (0..messages)
            .step_by(usize::from(WINDOW))
            .map(|begin| (begin..messages.min(begin + u64::from(WINDOW))).map(outgoing).collect())
            .collect();

        let (connection, channel) = queues.raw().await;
        let began = Instant::now();
        for begin in (0..messages).step_by(usize::from(WINDOW)) {
            queues.publish_window(&channel, begin..messages.min(begin + u64::from(WINDOW))).await;
        }
        raw.push(messages as f64 / began.elapsed().as_secs_f64());
        connection.close(200, "done".into()).await.unwrap();

        let began = Instant::now();
        for batch in &batches {
            transport.send(batch).await.unwrap();
        }
        ours.push(messages as f64 / began.elapsed().as_secs_f64());
        transport.remove().await.unwrap();
    }
    print_rates("publish, confirmed and durable", &mut ours, &mut raw, AIM);
}

/// With this prefetch, each acknowledged.
pub(crate) async fn consume(messages: u64) {
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..TAKES {
        let queues = Queues::new();
        let transport = queues.transport().await;
        let claim = Claim::new(ENDPOINT, usize::from(WINDOW), LEASE);
        transport.claim(&claim).await.unwrap();
        transport.close().await;

        queues.fill(messages).await;
        raw.push(raw_rate(&queues, messages).await);
        queues.fill(messages).await;
        let (began, mut handled) = (Instant::now(), 0);
        while handled < messages {
            let claimed = transport.claim(&claim).await.unwrap().deliveries;
            let done = |lease| Settlement::new(lease, Outcome::Done);
            let settled: Vec<_> = claimed.iter().map(|delivery| done(delivery.lease)).collect();
            handled += transport.settle(&settled).await.unwrap().iter().filter(|ours| **ours).count() as u64;
        }
        ours.push(messages as f64 / began.elapsed().as_secs_f64());
        transport.remove().await.unwrap();
    }
    print_rates("consume and acknowledge, no inbox", &mut ours, &mut raw, AIM);
}

/// Takes what is there, acknowledges all of it, and so on.
async fn raw_rate(queues: &Queues, messages: u64) -> f64 {
    let (connection, channel) = queues.raw().await;
    channel.basic_qos(WINDOW, BasicQosOptions::default()).await.unwrap();
    let began = Instant::now();
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let consumer = channel.basic_consume(queues.name().into(), "".into(), options, none).await.unwrap();
    let mut ready = consumer.ready_chunks(usize::from(WINDOW));
    let mut handled = 0;
    while handled < messages {
        let acks = ready.next().await.unwrap().into_iter().map(async |delivery| {
            delivery.unwrap().acker.ack(BasicAckOptions::default()).await.unwrap();
        });
        handled += join_all(acks).await.len() as u64;
    }
    let rate = messages as f64 / began.elapsed().as_secs_f64();
    connection.close(200, "done".into()).await.unwrap();
    rate
}
