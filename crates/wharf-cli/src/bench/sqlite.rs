//! A SQLite file of the benchmark's own, in a folder that goes with it.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicI64, Ordering},
    time::Instant,
};

use anyhow::Context;
use sqlx::{
    AssertSqlSafe, Connection, Row, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tempfile::TempDir;
use wharf_sqlite::Sqlite;

use super::{place::Place, verdict::Found};

pub(super) struct File {
    folder: TempDir,
    /// Of the engines that were closed.
    commits: AtomicI64,
}

impl File {
    /// In a new folder in this one.
    pub(super) fn create(directory: Option<PathBuf>) -> anyhow::Result<Self> {
        let directory = directory.unwrap_or_else(std::env::temp_dir);
        let cannot =
            || format!("cannot make a folder in {}; give --engine a directory or postgres://…", directory.display());
        let folder = tempfile::Builder::new().prefix("wharf-bench-").tempdir_in(&directory).with_context(cannot)?;
        Ok(Self { folder, commits: AtomicI64::new(0) })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("bench.db")
    }

    /// Kept as the engine keeps its own: a commit is done when the disk says so.
    async fn connection(&self) -> anyhow::Result<SqliteConnection> {
        let options = SqliteConnectOptions::new().filename(self.path()).create_if_missing(true);
        let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        Ok(SqliteConnection::connect_with(&options).await?)
    }

    async fn run(&self, sql: &str) -> anyhow::Result<()> {
        let mut connection = self.connection().await?;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await?;
        connection.close().await?;
        Ok(())
    }
}

const JOBS_BY_HAND: &str = "
    CREATE TABLE by_hand (
        id INTEGER PRIMARY KEY, queue TEXT NOT NULL, state TEXT NOT NULL, args TEXT NOT NULL, run_at INTEGER NOT NULL,
        taken_at INTEGER, ended_at INTEGER
    ) STRICT;
    CREATE INDEX by_hand_due ON by_hand (queue, run_at, id) WHERE state = 'available';
    WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {jobs})
    INSERT INTO by_hand (id, queue, state, args, run_at)
    SELECT n, 'bench.' || (n % 4), 'available', '{\"number\":' || n || '}', unixepoch() FROM series;
    ANALYZE by_hand";

const CLAIM: &str = "
    UPDATE by_hand SET state = 'running', taken_at = unixepoch() WHERE id IN (
        SELECT id FROM by_hand WHERE queue = ? AND state = 'available' AND run_at <= unixepoch()
        ORDER BY run_at, id LIMIT 100)
    RETURNING id, args";

const DONE: &str = "
    UPDATE by_hand SET state = 'completed', ended_at = unixepoch() WHERE id IN (SELECT value FROM json_each(?))";

const ENDED: &str = "
    WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {ended})
    INSERT INTO wharf_runs (tenant, id, ended_at, took, sent_at, attempts, crashes, redrives, version, job, status, key,
                            trail, args)
    SELECT 'before', lower(hex(randomblob(16))), unixepoch() * 1000000, 1, unixepoch() * 1000000, 1, 0, 0, 1, 'bench.' || (n % 4),
           'succeeded', 'job:bench', '{}', '{}'
    FROM series";

const FOUND: &str = "
    SELECT count(*), count(*) FILTER (WHERE status = 'succeeded'), count(DISTINCT id), count(DISTINCT args),
           (SELECT count(*) FROM wharf_deliveries WHERE tenant = 'default')
    FROM wharf_runs WHERE tenant = 'default'";

impl Place for File {
    type Engine = Sqlite;

    const NAME: &'static str = "SQLite";

    async fn engine(&self) -> anyhow::Result<Sqlite> {
        Ok(Sqlite::open(self.path()).await?)
    }

    async fn close(&self, engine: Sqlite) {
        engine.close().await;
        self.commits.fetch_add(engine.commits().cast_signed(), Ordering::Relaxed);
    }

    /// One client: SQLite has one writer.
    async fn by_hand_per_s(&self, jobs: u64) -> anyhow::Result<f64> {
        self.run(&JOBS_BY_HAND.replace("{jobs}", &jobs.to_string())).await?;
        let mut connection = self.connection().await?;
        let (began, mut done) = (Instant::now(), 0);
        for queue in ["bench.0", "bench.1", "bench.2", "bench.3"] {
            loop {
                let taken = sqlx::query(CLAIM).bind(queue).fetch_all(&mut connection).await?;
                if taken.is_empty() {
                    break;
                }
                taken.iter().for_each(|row| drop(std::hint::black_box(row.get::<String, _>("args"))));
                let ids: Vec<i64> = taken.iter().map(|row| row.get("id")).collect();
                sqlx::query(DONE).bind(serde_json::to_string(&ids)?).execute(&mut connection).await?;
                done += ids.len() as u64;
            }
        }
        let per_s = done as f64 / began.elapsed().as_secs_f64();
        anyhow::ensure!(done == jobs, "the loop by hand found {done} of {jobs} jobs");
        connection.close().await?;
        self.run("DROP TABLE by_hand; VACUUM").await?;
        Ok(per_s)
    }

    async fn remember(&self, ended: u64) -> anyhow::Result<()> {
        if ended > 0 {
            self.run(&ENDED.replace("{ended}", &ended.to_string())).await?;
        }
        Ok(())
    }

    /// Those that changed something, as the engine counts them.
    async fn commits(&self) -> anyhow::Result<i64> {
        Ok(self.commits.load(Ordering::Relaxed))
    }

    async fn found(&self) -> anyhow::Result<Found> {
        let mut connection = self.connection().await?;
        let counts: (i64, i64, i64, i64, i64) = sqlx::query_as(FOUND).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(Found::of(counts))
    }

    async fn remove(self) -> anyhow::Result<()> {
        self.folder.close().context("cannot remove the folder of the benchmark")
    }
}
