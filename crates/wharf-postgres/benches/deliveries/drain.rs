//! A worker that drains what waits, from its start to its last settlement.

use std::time::{Duration, Instant};

use wharf::{Module, Worker};
use wharf_postgres::PostgresOptions;

use crate::{meter::Meter, place::Place, table::Take};

/// How fast a module settles what waits for it. Claims come in batches, so that a backlog which is larger than `rows` may be
/// drained a little further, which counts.
pub(crate) async fn drain(place: &Place, options: PostgresOptions, module: Module<()>, rows: u64) -> Take {
    let engine = options.connect().await.unwrap();
    let worker = Worker::new(engine.clone()).module(module).ready().await.unwrap();
    let vitals = worker.client("bench").vitals().clone();
    let meter = Meter::start(place).await;
    let began = Instant::now();
    let mut rate = 0.0;
    worker
        .run_until(async {
            while vitals.settled_total() < rows {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            rate = vitals.settled_total() as f64 / began.elapsed().as_secs_f64();
        })
        .await;
    engine.close().await;
    Take { rate, cost: meter.stop(vitals.settled_total() as f64).await }
}
