//! All of a delivery: the inbox, a row by the handler, and one message sent through the outbox, on PostgreSQL; beside
//! clients that commit one row each.

use std::time::{Duration, Instant};

use sqlx::Connection;
use tokio::sync::mpsc;
use wharf::{Bus, Key, Message, Module, Msg, Result, State, Tx, Worker};
use wharf_postgres::{Postgres, PostgresTx};

use crate::{
    TAKES,
    place::{Database, ENDPOINT, Happened, Queues, WINDOW},
    print_rates,
};

/// Handlers at once, and clients of the raw loop.
const AT_ONCE: usize = 32;
const RAW_FOR: Duration = Duration::from_secs(2);
const AIM: f64 = 0.5;

const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS notes (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number BIGINT NOT NULL)";
const NOTE: &str = "INSERT INTO notes (number) VALUES ($1)";

/// What the handler sends.
#[derive(serde::Serialize, serde::Deserialize)]
struct Noted {
    number: u64,
}

impl Message for Noted {
    const NAME: &'static str = "bench.noted";

    fn key(&self) -> Key {
        Key::new("number", self.number)
    }
}

async fn note(Msg(happened): Msg<Happened>, mut tx: Tx, bus: Bus) -> Result {
    sqlx::query(NOTE).bind(7_i64).execute(tx.postgres().await?).await?;
    bus.publish(Noted { number: happened.number });
    Ok(())
}

/// Without effects of its own: a delivery that came by the outbox and the broker.
async fn hear(Msg(noted): Msg<Noted>, State(told): State<mpsc::UnboundedSender<u64>>) -> Result {
    let _ = told.send(noted.number);
    Ok(())
}

pub(crate) async fn measure(messages: u64) {
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..TAKES {
        let (database, queues) = (Database::create().await, Queues::new());
        let engine = database.options().transactions_max(AT_ONCE as u32).connect().await.unwrap();
        let mut connection = database.connection().await;
        sqlx::query(TABLE).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        raw.push(raw_rate(&database).await);
        ours.push(our_rate(&engine, &queues, messages).await);
        engine.close().await;
        database.remove().await;
    }
    print_rates("inbox, a row, one message by the outbox", &mut ours, &mut raw, AIM);
}

async fn our_rate(engine: &Postgres, queues: &Queues, messages: u64) -> f64 {
    let transport = queues.transport().await;
    let (told, mut hears) = mpsc::unbounded_channel();
    let module = Module::new("bench", told)
        .endpoint(ENDPOINT, |endpoint| {
            endpoint.concurrency(AT_ONCE).prefetch(usize::from(WINDOW)).consume("note", note)
        })
        .consume("noted", hear);
    let worker = Worker::new(engine.clone()).via(transport.clone()).module(module).ready().await.unwrap();
    let mut rate = 0.0;
    worker
        .run_until(async {
            // The queue stands once something was claimed; the worker itself sees to that.
            wharf::ports::Transport::claim(&transport, &wharf::ports::Claim::new(ENDPOINT, 1, RAW_FOR)).await.unwrap();
            let (began, commits) = (Instant::now(), engine.commits());
            queues.fill(messages).await;
            for _ in 0..messages {
                hears.recv().await.unwrap();
            }
            rate = messages as f64 / began.elapsed().as_secs_f64();
            let commits = (engine.commits() - commits) as f64 / messages as f64;
            println!(
                "    each: {commits:.2} commits; at the broker two deliveries, acknowledged, and one confirmed message"
            );
        })
        .await;
    transport.remove().await.unwrap();
    rate
}

async fn raw_rate(database: &Database) -> f64 {
    let mut clients = Vec::new();
    for _ in 0..AT_ONCE {
        let mut connection = database.connection().await;
        clients.push(tokio::spawn(async move {
            let (began, mut commits) = (Instant::now(), 0_u64);
            while began.elapsed() < RAW_FOR {
                sqlx::query(NOTE).bind(7_i64).execute(&mut connection).await.unwrap();
                commits += 1;
            }
            connection.close().await.unwrap();
            commits
        }));
    }
    let mut commits = 0;
    for client in clients {
        commits += client.await.unwrap();
    }
    commits as f64 / RAW_FOR.as_secs_f64()
}
