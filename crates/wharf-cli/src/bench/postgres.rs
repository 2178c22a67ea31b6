//! A database of the benchmark's own on a PostgreSQL server.

use std::{
    str::FromStr,
    time::{Duration, Instant},
};

use anyhow::Context;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, Row, postgres::PgConnectOptions};
use tokio::{task::JoinSet, time::sleep};
use uuid::Uuid;
use wharf_postgres::Postgres;

use super::{place::Place, verdict::Found};

/// Of the loop by hand.
const CLIENTS: usize = 8;
/// What a connection that was closed has counted the server hears of when its process ends, which we wait for so long.
const GONE_WITHIN_TRIES: u32 = 200;

pub(super) struct Database {
    server: PgConnectOptions,
    name: String,
}

impl Database {
    /// Makes it. Nothing of any other database is touched.
    pub(super) async fn create(address: &str) -> anyhow::Result<Self> {
        let server = PgConnectOptions::from_str(address).context("cannot read the address of PostgreSQL")?;
        let name = format!("wharf_bench_{}", Uuid::now_v7().simple());
        let mut connection = server.connect().await.context("cannot connect to PostgreSQL")?;
        let created = connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await;
        connection.close().await?;
        created.context(
            "cannot make a database for the benchmark, and it works in no other; \
             let this user make one with ALTER ROLE … CREATEDB, or use a server of your own",
        )?;
        Ok(Self { server, name })
    }

    fn options(&self) -> PgConnectOptions {
        self.server.clone().database(&self.name)
    }

    async fn connection(&self) -> anyhow::Result<PgConnection> {
        Ok(self.options().connect().await?)
    }

    async fn run(&self, sql: &str) -> anyhow::Result<()> {
        let mut connection = self.connection().await?;
        connection.execute(AssertSqlSafe(sql.to_owned())).await?;
        connection.close().await?;
        Ok(())
    }

    /// So that none falls into what is measured. Not every role may ask for it.
    async fn checkpoint(&self) {
        let _ = self.run("CHECKPOINT").await;
    }
}

const JOBS_BY_HAND: &str = "
    CREATE TABLE by_hand (
        id BIGINT PRIMARY KEY, queue TEXT NOT NULL, state TEXT NOT NULL, args TEXT NOT NULL,
        run_at TIMESTAMPTZ NOT NULL DEFAULT now(), taken_at TIMESTAMPTZ, ended_at TIMESTAMPTZ
    ) WITH (fillfactor = 45);
    CREATE INDEX by_hand_due ON by_hand (queue, run_at, id) WHERE state = 'available';
    INSERT INTO by_hand SELECT n, 'bench.' || (n % 4), 'available', '{\"number\":' || n || '}' FROM generate_series(1, {jobs}) AS n;
    ANALYZE by_hand";

/// In the order of its index, which that of the ids alone is not.
const CLAIM: &str = "
    UPDATE by_hand SET state = 'running', taken_at = clock_timestamp() WHERE id = ANY(ARRAY(
        SELECT id FROM by_hand WHERE queue = $1 AND state = 'available' AND run_at <= now()
        ORDER BY run_at, id LIMIT 100 FOR UPDATE SKIP LOCKED))
    RETURNING id, args";

const DONE: &str = "UPDATE by_hand SET state = 'completed', ended_at = clock_timestamp() WHERE id = ANY($1)";

/// Claims and marks until nothing is left. Returns how many.
async fn by_hand(mut connection: PgConnection, queue: String) -> anyhow::Result<u64> {
    let mut done = 0;
    loop {
        let taken = sqlx::query(CLAIM).bind(&queue).fetch_all(&mut connection).await?;
        if taken.is_empty() {
            connection.close().await?;
            return Ok(done);
        }
        taken.iter().for_each(|row| drop(std::hint::black_box(row.get::<String, _>("args"))));
        let ids: Vec<i64> = taken.iter().map(|row| row.get("id")).collect();
        sqlx::query(DONE).bind(&ids).execute(&mut connection).await?;
        done += ids.len() as u64;
    }
}

const ENDED: &str = "
    INSERT INTO wharf.runs (tenant, id, ended_at, took, sent_at, attempts, crashes, redrives, version, job, status, key,
                            trail, args)
    SELECT 'before', gen_random_uuid(), wharf.wharf_now(), 1, wharf.wharf_now(), 1, 0, 0, 1, 'bench.' || (n % 4), 'succeeded',
           'job:bench', '{}', '{}'
    FROM generate_series(1, {ended}) AS n;
    ANALYZE wharf.runs";

const FOUND: &str = "
    SELECT count(*), count(*) FILTER (WHERE status = 'succeeded'), count(DISTINCT id), count(DISTINCT args),
           (SELECT count(*) FROM wharf.deliveries WHERE tenant = 'default')
    FROM wharf.runs WHERE tenant = 'default'";

const OTHERS: &str = "
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
                                            AND backend_type = 'client backend'";

impl Place for Database {
    type Engine = Postgres;

    const NAME: &'static str = "PostgreSQL";

    async fn engine(&self) -> anyhow::Result<Postgres> {
        self.checkpoint().await;
        Ok(Postgres::connect(self.options().to_url_lossy().as_str()).await?)
    }

    async fn close(&self, engine: Postgres) {
        engine.close().await;
    }

    async fn by_hand_per_s(&self, jobs: u64) -> anyhow::Result<f64> {
        self.run(&JOBS_BY_HAND.replace("{jobs}", &jobs.to_string())).await?;
        self.checkpoint().await;
        let mut connections = Vec::new();
        for client in 0..CLIENTS {
            connections.push((self.connection().await?, format!("bench.{}", client % 4)));
        }
        let began = Instant::now();
        let mut clients: JoinSet<_> =
            connections.into_iter().map(|(connection, queue)| by_hand(connection, queue)).collect();
        let mut done = 0;
        while let Some(client) = clients.join_next().await {
            done += client??;
        }
        let per_s = done as f64 / began.elapsed().as_secs_f64();
        anyhow::ensure!(done == jobs, "the loop by hand found {done} of {jobs} jobs");
        self.run("DROP TABLE by_hand").await?;
        Ok(per_s)
    }

    async fn remember(&self, ended: u64) -> anyhow::Result<()> {
        if ended > 0 {
            self.run(&ENDED.replace("{ended}", &ended.to_string())).await?;
        }
        Ok(())
    }

    async fn commits(&self) -> anyhow::Result<i64> {
        let mut connection = self.connection().await?;
        for _ in 0..GONE_WITHIN_TRIES {
            if sqlx::query_scalar::<_, i64>(OTHERS).fetch_one(&mut connection).await? == 0 {
                break;
            }
            sleep(Duration::from_millis(10)).await;
        }
        let counted = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()";
        let commits = sqlx::query_scalar(counted).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(commits)
    }

    async fn found(&self) -> anyhow::Result<Found> {
        let mut connection = self.connection().await?;
        let counts: (i64, i64, i64, i64, i64) = sqlx::query_as(FOUND).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(Found::of(counts))
    }

    async fn remove(self) -> anyhow::Result<()> {
        let mut server = self.server.connect().await?;
        let dropped = server.execute(AssertSqlSafe(format!("DROP DATABASE {} WITH (FORCE)", self.name))).await;
        server.close().await?;
        dropped.with_context(|| format!("cannot drop the database {}; please do", self.name))?;
        Ok(())
    }
}
