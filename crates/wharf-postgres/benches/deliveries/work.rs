//! Messages whose handler writes a row through `Tx` and sends one message, beside clients that commit one row each.

use std::time::{Duration, Instant};

use sqlx::Connection;
use wharf::{Bus, Key, Message, Module, Msg, Result, Tx, Worker};
use wharf_postgres::{PostgresOptions, PostgresTx};

use crate::{
    meter::Meter,
    place::{Happened, Place, TAKES, fill},
    table::{Table, Take},
};

const TOTAL: u64 = 20_000;
const RAW_FOR: Duration = Duration::from_secs(2);

/// What the handler sends: due long after the benchmark, so that it is only written.
#[derive(serde::Serialize, serde::Deserialize)]
struct Noted {
    number: i64,
}

impl Message for Noted {
    const NAME: &'static str = "bench.noted";

    fn key(&self) -> Key {
        Key::new("number", self.number)
    }
}

pub(crate) async fn measure(place: &Place, table: &mut Table) {
    place.run("CREATE TABLE IF NOT EXISTS notes (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number BIGINT NOT NULL)").await;
    for concurrency in [1_usize, 8, 32] {
        let (mut ours, mut raw) = (Vec::new(), Vec::new());
        for _ in 0..TAKES {
            raw.push(raw_rate(place, concurrency).await);
            let total = if concurrency == 1 { TOTAL / 4 } else { TOTAL };
            fill(place, total, 1).await;
            ours.push(our_rate(place, place.options().transactions_max(all(concurrency)), concurrency, total).await);
        }
        table.rate(&format!("Tx and one message, {concurrency} at once, a commit each"), &ours, &raw);
    }
    for (connections, members) in [(4_u32, 8_usize), (4, 32)] {
        let concurrency = connections as usize * members;
        let (mut ours, mut raw) = (Vec::new(), Vec::new());
        for _ in 0..TAKES {
            raw.push(raw_rate(place, 32).await);
            fill(place, TOTAL, 1).await;
            let options = place.options().transactions_max(connections).share_commits(members);
            ours.push(our_rate(place, options, concurrency, TOTAL).await);
        }
        let case = format!("Tx and one message, {concurrency} at once, {members} share a commit");
        table.rate(&case, &ours, &raw);
    }
}

async fn raw_rate(place: &Place, clients: usize) -> Take {
    let mut connections = Vec::new();
    for _ in 0..clients {
        connections.push(place.connection().await);
    }
    let meter = Meter::start(place).await;
    let began = Instant::now();
    let clients: Vec<_> = connections
        .into_iter()
        .map(|mut connection| {
            tokio::spawn(async move {
                let mut commits = 0_u64;
                while began.elapsed() < RAW_FOR {
                    let insert = sqlx::query("INSERT INTO notes (number) VALUES ($1)").bind(7_i64);
                    insert.execute(&mut connection).await.unwrap();
                    commits += 1;
                }
                connection.close().await.unwrap();
                commits
            })
        })
        .collect();
    let mut commits = 0;
    for client in clients {
        commits += client.await.unwrap();
    }
    let rate = commits as f64 / began.elapsed().as_secs_f64();
    Take { rate, cost: meter.stop(commits as f64).await }
}

async fn note(Msg(happened): Msg<Happened>, mut tx: Tx, bus: Bus) -> Result {
    let insert = sqlx::query("INSERT INTO notes (number) VALUES ($1)").bind(happened.number);
    insert.execute(tx.postgres().await?).await?;
    bus.publish_after(Duration::from_secs(3600), Noted { number: happened.number });
    Ok(())
}

async fn ignore(Msg(noted): Msg<Noted>) -> Result {
    std::hint::black_box(noted.number);
    Ok(())
}

fn all(concurrency: usize) -> u32 {
    u32::try_from(concurrency).unwrap()
}

async fn our_rate(place: &Place, options: PostgresOptions, concurrency: usize, total: u64) -> Take {
    let engine = options.connect().await.unwrap();
    let module = Module::new("bench", ())
        .endpoint("bench-0", |endpoint| endpoint.concurrency(concurrency).prefetch(400).consume("note", note))
        .consume("ignore", ignore);
    let worker = Worker::new(engine.clone()).module(module).ready().await.unwrap();
    let vitals = worker.client("bench").vitals().clone();
    let meter = Meter::start(place).await;
    let began = Instant::now();
    let mut rate = 0.0;
    worker
        .run_until(async {
            while vitals.settled_total() < total {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            rate = total as f64 / began.elapsed().as_secs_f64();
        })
        .await;
    engine.close().await;
    Take { rate, cost: meter.stop(total as f64).await }
}
