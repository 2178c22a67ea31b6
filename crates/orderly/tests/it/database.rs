//! A PostgreSQL database for one test, gone with it.

use std::{env, str::FromStr};

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, postgres::PgConnectOptions};
use uuid::Uuid;

/// A database of a test's own on the server that `TEST_POSTGRES_URL` names.
pub(crate) struct Database {
    server: PgConnectOptions,
    name: String,
    url: String,
}

impl Database {
    /// A new, empty one.
    pub(crate) fn create() -> Self {
        let server = env::var("TEST_POSTGRES_URL").expect(
            "TEST_POSTGRES_URL is not set: run `cargo xtask test`, or point it at a PostgreSQL whose user may create databases",
        );
        let name = format!("orderly_test_{}", Uuid::now_v7().simple());
        let (address, _) = server.rsplit_once('/').expect("an address ends in /database");
        let url = format!("{address}/{name}");
        let database = Self { server: PgConnectOptions::from_str(&server).unwrap(), name, url };
        database.on_server("CREATE DATABASE", "");
        database
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Runs statements in it, past the program.
    pub(crate) fn run(&self, sql: &'static str) {
        let options = PgConnectOptions::from_str(&self.url).unwrap();
        block_on(async {
            let mut connection = options.connect().await.unwrap();
            connection.execute(sql).await.unwrap();
            connection.close().await.unwrap();
        });
    }

    fn on_server(&self, what: &str, how: &str) {
        let statement = AssertSqlSafe(format!("{what} {} {how}", self.name));
        block_on(async {
            let mut server = self.server.connect().await.expect("the server of TEST_POSTGRES_URL answers");
            server.execute(statement).await.unwrap();
            server.close().await.unwrap();
        });
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.on_server("DROP DATABASE", "WITH (FORCE)");
    }
}

/// The tests are plain functions, as what they wait for are processes.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
