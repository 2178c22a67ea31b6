//! `cargo xtask bench replay [FILE] [replay's flags]`: a whole order file on both engines, beside what the same disk does
//! in raw commits.
//!
//! Without FILE it takes the one that `ORDERLY_ORDER_FILE` names, else the real one of this project if it is there, else
//! a generated one. PostgreSQL is the server of `TEST_POSTGRES_URL`; the task starts a durable one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a benchmark")]

#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/it/database.rs"]
mod database;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/it/order_file.rs"]
mod order_file;

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use database::{Database, block_on};
use serde_json::Value;
use sqlx::{
    ConnectOptions, Connection, PgConnection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tempfile::TempDir;
use tokio::task::JoinSet;

const REAL_FILE: &str = "../../../shared/data/online-retail-2010-12_2011-08.csv.gz";
const GENERATED_ORDERS: usize = 2_000;
/// How long raw commits are counted.
const PROBE: Duration = Duration::from_secs(3);
/// Connections that commit at once on PostgreSQL; SQLite has one writer.
const PROBE_CLIENTS: usize = 8;

fn main() {
    let mut args: Vec<String> = env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let work = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let named = args.first().is_some_and(|arg| !arg.starts_with("--")).then(|| PathBuf::from(args.remove(0)));
    let file = order_file(named, work.path());
    println!("{}\n", file.display());
    println!(
        "{:<12}{:>9}{:>10}{:>11}{:>14}{:>16}{:>10}{:>10}{:>12}",
        "", "orders", "seconds", "orders/s", "commits/order", "raw commits/s", "p50 ms", "p99 ms", "peak MiB"
    );

    let raw = block_on(raw_commits_on_sqlite(&work.path().join("probe.db")));
    print_row("SQLite", &replay(&file, &args, &work.path().join("sqlite"), None), raw);

    if env::var_os("TEST_POSTGRES_URL").is_none() {
        println!("PostgreSQL  not measured: TEST_POSTGRES_URL is not set");
        return;
    }
    let database = Database::create();
    let raw = block_on(raw_commits_on_postgres(database.url()));
    print_row("PostgreSQL", &replay(&file, &args, &work.path().join("postgres"), Some(database.url())), raw);
}

fn order_file(named: Option<PathBuf>, work: &Path) -> PathBuf {
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join(REAL_FILE);
    let named = named.or_else(|| env::var_os("ORDERLY_ORDER_FILE").map(PathBuf::from));
    if let Some(file) = named.or_else(|| real.exists().then_some(real)) {
        return file.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
    let generated = work.join("generated.csv");
    std::fs::write(&generated, order_file::OrderFile::generate(1, GENERATED_ORDERS).text).unwrap();
    generated
}

/// A replay in a process of its own, as its user starts it. Panics unless everything holds.
fn replay(file: &Path, args: &[String], data: &Path, database_url: Option<&str>) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orderly"));
    command.env_clear().envs(database_url.map(|url| ("DATABASE_URL", url)));
    command.arg("replay").arg(file).arg("--json").args(args).arg("--data").arg(data);
    let output = command.stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "the replay failed: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn print_row(engine: &str, report: &Value, raw_commits_per_second: f64) {
    let figure = |key: &str| report[key].as_f64().unwrap_or(f64::NAN);
    println!(
        "{engine:<12}{:>9}{:>10.1}{:>11.1}{:>14.2}{:>16.0}{:>10.0}{:>10.0}{:>12.1}",
        figure("orders"),
        figure("seconds"),
        figure("orders_per_second"),
        figure("commits") / figure("orders"),
        raw_commits_per_second,
        figure("p50_ms"),
        figure("p99_ms"),
        figure("peak_rss_mib"),
    );
}

/// One row, one durable commit, one after the other: what the disk allows.
async fn raw_commits_on_sqlite(path: &Path) -> f64 {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let mut connection: SqliteConnection = options.connect().await.unwrap();
    sqlx::query("CREATE TABLE probe (n INTEGER)").execute(&mut connection).await.unwrap();
    let (begun, mut commits) = (Instant::now(), 0_u32);
    while begun.elapsed() < PROBE {
        sqlx::query("INSERT INTO probe VALUES ($1)").bind(i64::from(commits)).execute(&mut connection).await.unwrap();
        commits += 1;
    }
    let per_second = f64::from(commits) / begun.elapsed().as_secs_f64();
    connection.close().await.unwrap();
    per_second
}

/// The same from several connections at once.
async fn raw_commits_on_postgres(url: &str) -> f64 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query("CREATE TABLE probe (n BIGINT)").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..PROBE_CLIENTS {
        let mut connection = PgConnection::connect(url).await.unwrap();
        clients.spawn(async move {
            let mut commits = 0_u32;
            while begun.elapsed() < PROBE {
                let insert = sqlx::query("INSERT INTO probe VALUES ($1)").bind(i64::from(commits));
                insert.execute(&mut connection).await.unwrap();
                commits += 1;
            }
            connection.close().await.unwrap();
            commits
        });
    }
    let commits: u32 = clients.join_all().await.into_iter().sum();
    f64::from(commits) / begun.elapsed().as_secs_f64()
}
