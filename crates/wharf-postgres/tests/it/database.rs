//! A database for one test, gone with it.

use std::{env, str::FromStr};

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, postgres::PgConnectOptions};
use uuid::Uuid;
use wharf::testing::ManualClock;
use wharf_postgres::{Postgres, PostgresOptions};

/// A database of a test's own on the server that `TEST_POSTGRES_URL` names.
pub(crate) struct Database {
    server: PgConnectOptions,
    name: String,
    url: String,
}

impl Database {
    /// A new, empty one.
    pub(crate) async fn create() -> Self {
        let server = env::var("TEST_POSTGRES_URL").expect(
            "TEST_POSTGRES_URL is not set: run `cargo xtask test`, or point it at a PostgreSQL whose user may create databases",
        );
        let name = format!("wharf_test_{}", Uuid::now_v7().simple());
        let (address, _) = server.rsplit_once('/').expect("an address ends in /database");
        let url = format!("{address}/{name}");
        let server = PgConnectOptions::from_str(&server).unwrap();
        let database = Self { server, name, url };
        database.on_server("CREATE DATABASE").await;
        database
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Options for an engine of few connections.
    pub(crate) fn options(&self) -> PostgresOptions {
        Postgres::options(&self.url).unwrap().transactions_max(4).reads_max(2)
    }

    /// An engine on the machine's clock.
    pub(crate) async fn engine(&self) -> Postgres {
        self.options().connect().await.unwrap()
    }

    /// An engine on a wound clock. The database's own stands still once it is wound for the first time.
    pub(crate) async fn engine_at(&self, clock: ManualClock) -> Postgres {
        self.options().clock(clock).connect().await.unwrap()
    }

    /// A plain connection, as any other program has.
    pub(crate) async fn connection(&self) -> PgConnection {
        PgConnectOptions::from_str(&self.url).unwrap().connect().await.unwrap()
    }

    /// Runs statements outside the engine.
    pub(crate) async fn run(&self, sql: &'static str) {
        let mut connection = self.connection().await;
        connection.execute(sql).await.unwrap();
        connection.close().await.unwrap();
    }

    /// The backend of the one listener, once there is one.
    pub(crate) async fn listener(&self) -> i32 {
        let mut connection = self.connection().await;
        let find = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'";
        loop {
            if let Some(pid) = sqlx::query_scalar(find).fetch_optional(&mut connection).await.unwrap() {
                connection.close().await.unwrap();
                return pid;
            }
        }
    }

    /// Cuts one connection off; returns once it is gone.
    pub(crate) async fn terminate(&self, backend: i32) {
        let mut connection = self.connection().await;
        let gone: bool = sqlx::query_scalar("SELECT pg_terminate_backend($1, 60000)")
            .bind(backend)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert!(gone);
        connection.close().await.unwrap();
    }

    /// Cuts every connection off but the one that says so.
    pub(crate) async fn terminate_all(&self) {
        self.run(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
    }

    /// Cuts every connection off but this one, and the one that says so.
    pub(crate) async fn terminate_all_but(&self, backend: i32) {
        let mut connection = self.connection().await;
        sqlx::query(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
             WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), $1)",
        )
        .bind(backend)
        .execute(&mut connection)
        .await
        .unwrap();
        connection.close().await.unwrap();
    }

    /// Lets whoever connects from now on only read, or write again.
    pub(crate) async fn set_read_only(&self, only: bool) {
        let mut server = self.server.connect().await.unwrap();
        let set = format!("ALTER DATABASE {} SET default_transaction_read_only = {only}", self.name);
        server.execute(AssertSqlSafe(set)).await.unwrap();
        server.close().await.unwrap();
    }

    /// Returns once somebody waits for an advisory lock.
    pub(crate) async fn waits_for_a_lock(&self) {
        let mut connection = self.connection().await;
        let find = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database
                    WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted";
        while sqlx::query_scalar::<_, i64>(find).fetch_one(&mut connection).await.unwrap() == 0 {}
        connection.close().await.unwrap();
    }

    /// How many blocks of the table of deliveries and of its indexes were looked at, by connections that were closed.
    pub(crate) async fn blocks_of_deliveries(&self) -> i64 {
        let mut connection = self.connection().await;
        // Each tells what it has read when it ends at the latest, before it is gone from here.
        let others = "SELECT count(*) FROM pg_stat_activity
                      WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle in transaction'";
        while sqlx::query_scalar::<_, i64>(others).fetch_one(&mut connection).await.unwrap() > 0 {}
        let find = "SELECT heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read
                    FROM pg_statio_all_tables WHERE relid = 'wharf.deliveries'::regclass";
        let blocks = sqlx::query_scalar(find).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        blocks
    }

    /// Removes it, with whoever is still connected.
    pub(crate) async fn remove(self) {
        self.on_server("DROP DATABASE").await;
    }

    async fn on_server(&self, what: &str) {
        let force = if what.starts_with("DROP") { " WITH (FORCE)" } else { "" };
        let mut server = self.server.connect().await.expect("the server of TEST_POSTGRES_URL answers");
        server.execute(AssertSqlSafe(format!("{what} {}{force}", self.name))).await.unwrap();
        server.close().await.unwrap();
    }
}
