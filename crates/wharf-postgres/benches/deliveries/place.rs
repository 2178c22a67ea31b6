//! A database for the benchmark, gone with it.

use std::{env, str::FromStr};

use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, postgres::PgConnectOptions};
use wharf::{Key, Message};
use wharf_postgres::{Postgres, PostgresOptions};

/// How often each figure is taken.
pub(crate) const TAKES: usize = 3;
/// Clients of the raw loops, as in every comparison of queues.
pub(crate) const CLIENTS: usize = 8;

pub(crate) struct Place {
    server: String,
    name: String,
}

impl Place {
    pub(crate) async fn create() -> Self {
        let server = env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL: run `cargo xtask bench deliveries`");
        let name = format!("wharf_bench_{}", std::process::id());
        let place = Self { server, name };
        place.on_server(&format!("CREATE DATABASE {}", place.name)).await;
        let engine = place.options().connect().await.unwrap();
        engine.close().await;
        place
    }

    pub(crate) fn options(&self) -> PostgresOptions {
        Postgres::options(&self.url()).unwrap()
    }

    pub(crate) async fn connection(&self) -> PgConnection {
        PgConnectOptions::from_str(&self.url()).unwrap().connect().await.unwrap()
    }

    /// Runs statements on a connection of their own.
    pub(crate) async fn run(&self, sql: &str) {
        let mut connection = self.connection().await;
        connection.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
        connection.close().await.unwrap();
    }

    pub(crate) async fn remove(&self) {
        self.on_server(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }

    pub(crate) fn url(&self) -> String {
        let (address, _) = self.server.rsplit_once('/').expect("an address ends in /database");
        format!("{address}/{}", self.name)
    }

    async fn on_server(&self, sql: &str) {
        let mut server = PgConnectOptions::from_str(&self.server).unwrap().connect().await.unwrap();
        server.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
        server.close().await.unwrap();
    }
}

/// What is handled.
#[derive(Serialize, Deserialize)]
pub(crate) struct Happened {
    pub(crate) number: i64,
}

impl Message for Happened {
    const NAME: &'static str = "bench.happened";

    fn key(&self) -> Key {
        Key::new("number", self.number)
    }
}

/// Deliveries of [`Happened`] as a worker's own would stand there, spread over the endpoints.
pub(crate) const FILL: &str = "
    TRUNCATE wharf.deliveries;
    INSERT INTO wharf.deliveries
        (not_before, sent_at, message_id, version, tenant, endpoint, name, kind, key, trail, body)
    SELECT wharf.wharf_now(), wharf.wharf_now(), gen_random_uuid(), 1, 'default', 'bench-' || n % {endpoints},
           'bench.happened', 'event', 'number:' || n,
           '{\"correlation\":\"' || gen_random_uuid() || '\",\"conversation\":\"' || gen_random_uuid()
               || '\",\"source\":\"bench\"}',
           '{\"number\":' || n || '}'
    FROM generate_series(1, {rows}) AS n";

/// Fills the deliveries.
pub(crate) async fn fill(place: &Place, rows: u64, endpoints: usize) {
    let fill = FILL.replace("{rows}", &rows.to_string()).replace("{endpoints}", &endpoints.to_string());
    place.run(&fill).await;
    place.run("CHECKPOINT").await;
}
