//! How soon an idle worker takes up a message, beside a bare `NOTIFY` from one connection to another.
//!
//! A bare one commits a row and is heard. A worker's also claims it, which waits for the disk once more.

use std::time::{Duration, Instant};

use sqlx::{Connection, postgres::PgListener};
use tokio::sync::mpsc;
use wharf::{Module, Msg, Result, State, Tenant, Worker};

use crate::{
    place::{Happened, Place, TAKES},
    table::{Table, percentile},
};

const SAMPLES: i64 = 300;
/// Between two samples, for the worker to be idle again.
const PAUSE: Duration = Duration::from_millis(7);

pub(crate) async fn measure(place: &Place, table: &mut Table) {
    place.run("TRUNCATE wharf.deliveries; CREATE TABLE IF NOT EXISTS told (number BIGINT NOT NULL)").await;
    let (mut raw, mut near, mut far) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TAKES {
        raw.push(raw_ms(place).await);
        near.push(our_ms(place, false).await);
        far.push(our_ms(place, true).await);
    }
    let at = |takes: &[Vec<f64>], share| takes.iter().map(|take| percentile(take, share)).collect::<Vec<_>>();
    for (share, name) in [(0.5, "p50"), (0.99, "p99")] {
        table.latency(&format!("idle pick-up, sent by this process, {name}"), &at(&near, share), &at(&raw, share));
        table.latency(&format!("idle pick-up, sent by another process, {name}"), &at(&far, share), &at(&raw, share));
    }
}

const TELL: &str = "WITH told AS (INSERT INTO told VALUES (1)) SELECT pg_notify('bench', 'bench-0')";

/// A row committed with a `NOTIFY`, and the listener has heard.
async fn raw_ms(place: &Place) -> Vec<f64> {
    let mut listener = PgListener::connect(&place.url()).await.unwrap();
    listener.listen("bench").await.unwrap();
    let mut connection = place.connection().await;
    let mut samples = Vec::new();
    for _ in 0..SAMPLES {
        tokio::time::sleep(PAUSE).await;
        let began = Instant::now();
        sqlx::query(TELL).execute(&mut connection).await.unwrap();
        listener.recv().await.unwrap();
        samples.push(began.elapsed().as_secs_f64() * 1e3);
    }
    connection.close().await.unwrap();
    samples
}

async fn arrived(Msg(happened): Msg<Happened>, State(arrivals): State<mpsc::UnboundedSender<i64>>) -> Result {
    let _ = arrivals.send(happened.number);
    Ok(())
}

/// Sent, claimed durably, and the handler runs.
async fn our_ms(place: &Place, from_elsewhere: bool) -> Vec<f64> {
    let (arrivals, mut arriving) = mpsc::unbounded_channel();
    let module = || Module::new("bench", arrivals.clone()).consume("bench-0", arrived);
    let engine = place.options().connect().await.unwrap();
    let other = place.options().connect().await.unwrap();
    let worker = Worker::new(engine.clone()).module(module()).ready().await.unwrap();
    // The other process has the same modules and runs none of them.
    let elsewhere = Worker::new(other.clone()).module(module()).ready().await.unwrap();
    let client = if from_elsewhere { elsewhere.client("bench") } else { worker.client("bench") };
    let mut samples = Vec::new();
    worker
        .run_until(async {
            for number in -20..SAMPLES {
                tokio::time::sleep(PAUSE).await;
                let began = Instant::now();
                client.publish(&Tenant::default(), Happened { number }).await.unwrap();
                while arriving.recv().await.unwrap() != number {}
                // The first ones prepare statements.
                if number >= 0 {
                    samples.push(began.elapsed().as_secs_f64() * 1e3);
                }
            }
        })
        .await;
    engine.close().await;
    other.close().await;
    samples
}
