//! How fast deliveries are, beside what SQLite does in a raw loop of the same run: figures, never assertions.
//!
//! `cargo bench -p wharf-sqlite --bench deliveries`; after `--` may come `quick`, for one run of the small cases, and
//! which of them: `memory`, `noop`, `work`, `idle`, `profile`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops at the first error"
)]

mod memory;
mod profile;
#[path = "../../../wharf-postgres/benches/deliveries/resident.rs"]
mod resident;

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use sqlx::{
    Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tempfile::TempDir;
use tokio::sync::{Mutex, mpsc, oneshot};
use wharf::{Bus, Client, Key, Message, Module, Msg, ReadyWorker, Result, State, Tenant, Tx, Worker, ports::Transport};
use wharf_sqlite::{Sqlite, SqliteTx};

const ENDPOINT: &str = "work";
/// Deliveries taken from a backlog of a million: enough to measure, and it stays one of nearly a million.
const TAKEN_FROM_THE_LARGE: u64 = 100_000;

#[derive(Debug, Serialize, Deserialize)]
struct Ping {
    n: u64,
}

impl Message for Ping {
    const NAME: &'static str = "bench.ping";
    fn key(&self) -> Key {
        Key::new("ping", self.n)
    }
}

const PARTS: [&str; 6] = ["quick", "memory", "noop", "work", "idle", "profile"];

#[tokio::main]
async fn main() {
    if memory::fills().await {
        return;
    }
    let asked: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if let Some(unknown) = asked.iter().find(|word| !PARTS.contains(&word.as_str())) {
        panic!("no part is called {unknown}; there are: {}", PARTS.join(", "));
    }
    let quick = asked.iter().any(|word| word == "quick");
    let wanted = |case: &str| asked.iter().all(|word| word == "quick") || asked.iter().any(|word| word == case);
    // First, while this process is as small as it starts.
    if wanted("memory") {
        memory::measure().await;
    }
    let mut table = Table::default();
    for run in 1..=if quick { 1 } else { 3 } {
        println!("run {run}");
        table.add("disk: synced appends of 4 KiB", disk_probe(), None);
        if wanted("idle") {
            idle(&mut table).await;
        }
        if wanted("work") {
            for lanes in [1, 8, 32] {
                tx(&mut table, lanes).await;
            }
        }
        if wanted("noop") {
            no_tx(&mut table, 10_000, 10_000).await;
            if !quick {
                no_tx(&mut table, 1_000_000, TAKEN_FROM_THE_LARGE).await;
            }
        }
    }
    table.print();
    if wanted("profile") {
        profile::measure().await;
    }
}

/// Deliveries with a transaction of one row and one message, beside raw commits of one row, so many at once.
async fn tx(table: &mut Table, lanes: usize) {
    let raw = raw_commits(lanes).await;
    table.add(&format!("raw: commits of one row, {lanes} at once"), raw, None);
    table.add(&format!("Tx, one row and one message, {lanes} at once"), with_tx(lanes, 32).await, Some(raw));
    table.add(&format!("the same, a commit each, {lanes} at once"), with_tx(lanes, 1).await, Some(raw));
}

/// Deliveries without Tx out of a backlog, before and after ANALYZE, beside the raw loop.
async fn no_tx(table: &mut Table, backlog: u64, taken: u64) {
    let place = Place::new();
    let engine = Sqlite::open(place.path()).await.unwrap();
    for when in ["before", "after"] {
        if when == "after" {
            analyze(&place.path()).await;
        }
        refill(&engine, backlog).await;
        let raw = raw_dequeue(&place.path(), taken).await;
        table.add(&format!("raw: dequeue by hundreds, {backlog} wait, {when} ANALYZE"), raw, None);
        refill(&engine, backlog).await;
        table.add(&format!("no Tx, {backlog} wait, {when} ANALYZE"), drain(&engine, taken).await, Some(raw));
    }
    engine.close().await;
}

async fn ping(_: Msg<Ping>) -> Result {
    Ok(())
}

async fn worker(engine: &Sqlite) -> ReadyWorker {
    let module =
        Module::new("bench", ()).endpoint(ENDPOINT, |e| e.consume("ping", ping).concurrency(64).prefetch(1_000));
    Worker::new(engine.clone()).module(module).ready().await.unwrap()
}

async fn fill(engine: &Sqlite, messages: u64) {
    let client = worker(engine).await.client("bench");
    for first in (0..messages).step_by(1_000) {
        let work = client.begin(&Tenant::default()).unwrap();
        (first..messages.min(first + 1_000)).for_each(|n| work.bus.publish(Ping { n }));
        work.commit().await.unwrap();
    }
}

/// Sends what is missing.
async fn refill(engine: &Sqlite, backlog: u64) {
    let waiting: u64 = engine.depth().await.unwrap().iter().map(|depth| depth.due).sum();
    fill(engine, backlog - waiting).await;
}

/// Handles this many deliveries; returns how many a second.
async fn drain(engine: &Sqlite, messages: u64) -> f64 {
    let worker = worker(engine).await;
    let client = worker.client("bench");
    let start = Instant::now();
    worker.run_until(settled(&client, messages)).await;
    // The last batch may have taken more than was asked for.
    client.vitals().settled_total() as f64 / start.elapsed().as_secs_f64()
}

async fn settled(client: &Client, messages: u64) {
    while client.vitals().settled_total() < messages {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The raw counterpart, on the same table: the oldest hundred due are deleted and read, in a commit of their own.
async fn raw_dequeue(path: &Path, taken: u64) -> f64 {
    let mut connection = connect(path).await;
    let dequeue = "DELETE FROM wharf_deliveries WHERE id IN (
                       SELECT id FROM wharf_deliveries WHERE endpoint = $1 AND rank = 1 AND not_before <= $2
                       ORDER BY not_before, id LIMIT 100)
                   RETURNING id, body";
    let (start, mut dequeued) = (Instant::now(), 0);
    while dequeued < taken {
        let query = sqlx::query_as(dequeue).bind(ENDPOINT).bind(i64::MAX);
        let rows: Vec<(i64, String)> = query.fetch_all(&mut connection).await.unwrap();
        dequeued += rows.len() as u64;
    }
    let rate = dequeued as f64 / start.elapsed().as_secs_f64();
    connection.close().await.unwrap();
    rate
}

async fn work(Msg(ping): Msg<Ping>, mut tx: Tx, bus: Bus) -> Result {
    sqlx::query("INSERT INTO effects (n) VALUES ($1)").bind(ping.n as i64).execute(tx.sqlite().await?).await?;
    // Sent, stored, and not due while we measure.
    bus.publish_after(Duration::from_secs(3_600), ping);
    Ok(())
}

async fn with_tx(lanes: usize, share: usize) -> f64 {
    let (place, messages) = (Place::new(), messages_for(lanes));
    let engine = with_tx_in(&place, messages, share).await;
    let rate = work_off(&engine, lanes, messages).await;
    engine.close().await;
    rate
}

fn messages_for(lanes: usize) -> u64 {
    500 * lanes as u64 + 1_000
}

/// An engine that so many messages wait in.
async fn with_tx_in(place: &Place, messages: u64, share: usize) -> Sqlite {
    let options = Sqlite::options(place.path()).share_commits(share, Duration::from_millis(4));
    let engine = options.open().await.unwrap();
    fill(&engine, messages).await;
    effects(&place.path()).await;
    engine
}

/// Handles them all; returns how many a second.
async fn work_off(engine: &Sqlite, lanes: usize, messages: u64) -> f64 {
    let module =
        Module::new("bench", ()).endpoint(ENDPOINT, |e| e.consume("ping", work).concurrency(lanes).prefetch(500));
    let worker = Worker::new(engine.clone()).module(module).ready().await.unwrap();
    let client = worker.client("bench");
    let start = Instant::now();
    worker.run_until(settled(&client, messages)).await;
    messages as f64 / start.elapsed().as_secs_f64()
}

/// The raw counterpart: one row, one commit, as many tasks at once on the one connection that writes.
async fn raw_commits(lanes: usize) -> f64 {
    let place = Place::new();
    effects(&place.path()).await;
    let connection = Arc::new(Mutex::new(place.connect().await));
    let each = 6_000 / lanes;
    let start = Instant::now();
    let tasks: Vec<_> = (0..lanes)
        .map(|lane| {
            let connection = Arc::clone(&connection);
            tokio::spawn(async move {
                for _ in 0..each {
                    let insert = sqlx::query("INSERT INTO effects (n) VALUES ($1)").bind(lane as i64);
                    insert.execute(&mut *connection.lock().await).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    (each * lanes) as f64 / start.elapsed().as_secs_f64()
}

/// From a send on an idle worker to its handler.
async fn idle(table: &mut Table) {
    async fn heard(_: Msg<Ping>, State(heard): State<mpsc::UnboundedSender<Instant>>) -> Result {
        let _ = heard.send(Instant::now());
        Ok(())
    }
    let place = Place::new();
    let engine = Sqlite::open(place.path()).await.unwrap();
    let (tell, mut hears) = mpsc::unbounded_channel();
    let module = Module::new("bench", tell).endpoint(ENDPOINT, |e| e.consume("heard", heard));
    let worker = Worker::new(engine.clone()).module(module).ready().await.unwrap();
    let client = worker.client("bench");
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(worker.run_until(async { drop(stopped.await) }));
    let mut waits = Vec::new();
    for n in 0..1_000 {
        let sent = Instant::now();
        client.publish(&Tenant::default(), Ping { n }).await.unwrap();
        waits.push(hears.recv().await.unwrap().duration_since(sent).as_secs_f64() * 1_000.0);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let _ = stop.send(());
    running.await.unwrap();
    engine.close().await;
    waits.sort_by(f64::total_cmp);
    table.add("idle pick-up p50, ms", waits[waits.len() / 2], None);
    table.add("idle pick-up p99, ms", waits[waits.len() * 99 / 100], None);
}

/// What the disk does: appends of one page, each synced, a second.
fn disk_probe() -> f64 {
    let place = Place::new();
    let mut file = File::create(place.path()).unwrap();
    let (start, mut appends) = (Instant::now(), 0_u32);
    while start.elapsed() < Duration::from_secs(1) {
        file.write_all(&[0; 4_096]).unwrap();
        file.sync_data().unwrap();
        appends += 1;
    }
    f64::from(appends) / start.elapsed().as_secs_f64()
}

/// A file of its own, gone afterwards.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("bench.db")
    }

    async fn connect(&self) -> SqliteConnection {
        connect(&self.path()).await
    }
}

async fn connect(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    SqliteConnection::connect_with(&options).await.unwrap()
}

async fn effects(path: &Path) {
    let mut connection = connect(path).await;
    sqlx::query("CREATE TABLE effects (n INTEGER NOT NULL)").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn analyze(path: &Path) {
    let mut connection = connect(path).await;
    sqlx::query("ANALYZE").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// Figures by name, with the raw figure of the same run that each is to be compared with.
#[derive(Default)]
struct Table(Vec<(String, Vec<f64>, Vec<f64>)>);

impl Table {
    fn add(&mut self, name: &str, figure: f64, raw: Option<f64>) {
        let ratio = raw.map(|raw| figure / raw);
        println!("  {name}: {figure:.2}{}", ratio.map(|ratio| format!(" ({ratio:.2} of raw)")).unwrap_or_default());
        match self.0.iter_mut().find(|(known, ..)| known == name) {
            Some((_, figures, ratios)) => {
                figures.push(figure);
                ratios.extend(ratio);
            }
            None => self.0.push((name.to_owned(), vec![figure], ratio.into_iter().collect())),
        }
    }

    fn print(self) {
        println!("\n| medians | a second | of raw |\n|---|---:|---:|");
        for (name, figures, ratios) in self.0 {
            let ratio = median(ratios).map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
            println!("| {name} | {:.2} | {ratio} |", median(figures).unwrap_or_default());
        }
    }
}

fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}
