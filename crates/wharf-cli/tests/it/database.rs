//! A PostgreSQL database for one test, gone with it.

use std::{env, str::FromStr};

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, postgres::PgConnectOptions};
use uuid::Uuid;

/// On the server that `TEST_POSTGRES_URL` names.
pub(crate) struct Database {
    server: PgConnectOptions,
    name: String,
    url: String,
}

impl Database {
    /// A new, empty one.
    pub(crate) async fn create() -> Self {
        let server = env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL is not set: run `cargo xtask test`");
        let server = PgConnectOptions::from_str(&server).unwrap();
        let name = format!("wharf_test_{}", Uuid::now_v7().simple());
        let url = server.clone().database(&name).to_url_lossy().to_string();
        let database = Self { server, name, url };
        database.on_server(format!("CREATE DATABASE {}", database.name)).await;
        database
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        let mut connection = PgConnectOptions::from_str(&self.url).unwrap().connect().await.unwrap();
        let counted = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        counted
    }

    /// The address for a role that may make nothing. It is called as the database is, and goes with it.
    pub(crate) async fn guest(&self) -> String {
        self.on_server(format!("CREATE ROLE {0} LOGIN PASSWORD 'guest'", self.name)).await;
        let guest = self.server.clone().database(&self.name).username(&self.name).password("guest");
        guest.to_url_lossy().to_string()
    }

    /// Removes it, with whoever is still connected.
    pub(crate) async fn remove(self) {
        self.on_server(format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
        self.on_server(format!("DROP ROLE IF EXISTS {}", self.name)).await;
    }

    async fn on_server(&self, sql: String) {
        let mut server = self.server.connect().await.expect("the server of TEST_POSTGRES_URL answers");
        server.execute(AssertSqlSafe(sql)).await.unwrap();
        server.close().await.unwrap();
    }
}
