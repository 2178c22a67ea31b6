//! Messages whose handler writes a row through `Tx` and sends one message, beside clients that commit one row each, and beside
//! clients that do the same by hand.

use std::time::{Duration, Instant};

use sqlx::Connection;
use wharf::{Bus, Key, Message, Module, Msg, Result, Tx};
use wharf_postgres::{PostgresOptions, PostgresTx};

use crate::{
    by_hand,
    drain::drain,
    meter::Meter,
    place::{Happened, Place, TAKES, fill},
    table::{Table, Take},
};

pub(crate) const TOTAL: u64 = 20_000;
/// Of connections with a commit each. Who shares commits has more deliveries at once, and not more connections.
const RAW_CLIENTS_MAX: usize = 32;
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

pub(crate) const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS notes (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number BIGINT NOT NULL)";

/// How handlers' transactions are committed.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) at_once: usize,
    connections: u32,
    /// How many deliveries may share a commit.
    members: usize,
}

pub(crate) const CASES: [Case; 5] = [
    Case { at_once: 1, connections: 1, members: 1 },
    Case { at_once: 8, connections: 8, members: 1 },
    Case { at_once: 32, connections: 32, members: 1 },
    Case { at_once: 32, connections: 4, members: 8 },
    Case { at_once: 120, connections: 4, members: 32 },
];

impl Case {
    pub(crate) fn name(self) -> String {
        let commits =
            if self.members == 1 { "a commit each".to_owned() } else { format!("{} share a commit", self.members) };
        format!("Tx and one message, {} at once, {commits}", self.at_once)
    }

    fn options(self, place: &Place) -> PostgresOptions {
        place.options().transactions_max(self.connections).share_commits(self.members)
    }
}

pub(crate) async fn measure(place: &Place, table: &mut Table) {
    for case in CASES {
        let (mut ours, mut raw, mut by_hand) = (Vec::new(), Vec::new(), Vec::new());
        let clients = case.at_once.min(RAW_CLIENTS_MAX);
        for _ in 0..TAKES {
            raw.push(raw_rate(place, clients).await);
            let total = if case.at_once == 1 { TOTAL / 4 } else { TOTAL };
            by_hand.push(by_hand::rate(place, clients, total).await);
            ours.push(our_rate(place, case, total).await);
        }
        table.rate(&case.name(), &ours, &raw);
        table.rate("    beside the same written by hand", &ours, &by_hand);
    }
}

async fn raw_rate(place: &Place, clients: usize) -> Take {
    place.run(TABLE).await;
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

pub(crate) async fn our_rate(place: &Place, case: Case, total: u64) -> Take {
    let module = Module::new("bench", ())
        .endpoint("bench-0", |endpoint| endpoint.concurrency(case.at_once).prefetch(400).consume("note", note))
        .consume("ignore", ignore);
    rate_of(module, place, case, total).await
}

/// How fast a module handles what waits at its one endpoint, `bench-0`.
pub(crate) async fn rate_of(module: Module<()>, place: &Place, case: Case, total: u64) -> Take {
    place.run(TABLE).await;
    fill(place, total, 1).await;
    drain(place, case.options(place), module, total).await
}
