//! What a case plays on: one engine, connected to a database of the case's own, on a clock that is wound.

use std::{env, str::FromStr, sync::Arc, time::Duration};

use orderly_infrastructure::{Database, Infrastructure, Settings};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Executor, SqlitePool, postgres::PgConnectOptions,
    sqlite::SqliteConnectOptions,
};
use tempfile::TempDir;
use uuid::Uuid;
use wharf::{Client, Tenant, Timestamp, Tx, UnitOfWork, ports::Store, testing::ManualClock};
use wharf_postgres::Postgres;
use wharf_sqlite::Sqlite;

/// A case that takes longer than this hangs. Real time: it guards the suite, and no case waits for it.
const CASE_DURATION_MAX: Duration = Duration::from_secs(60);

/// An engine to play on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// Everything a case needs.
pub(crate) struct Stage {
    /// What is tried.
    pub(crate) ports: Infrastructure,
    /// How it is connected.
    pub(crate) settings: Settings,
    client: Client,
    clock: ManualClock,
    database: Side,
}

/// The database as others see it, past the adapters.
enum Side {
    File(SqlitePool),
    Server(Postgres),
}

/// Runs a case on an engine, and removes what it left.
pub(crate) async fn run(engine: Engine, case: impl AsyncFn(&Stage)) {
    let folder = TempDir::new().unwrap();
    let server = match engine {
        Engine::Sqlite => None,
        Engine::Postgres => Some(Server::with_database().await),
    };
    let stage = Stage::open(&folder, server.as_ref()).await;
    tokio::time::timeout(CASE_DURATION_MAX, case(&stage)).await.expect("the case hangs");
    stage.close().await;
    if let Some(server) = server {
        server.run("DROP DATABASE", " WITH (FORCE)").await;
    }
}

impl Stage {
    async fn open(folder: &TempDir, server: Option<&Server>) -> Self {
        let clock = ManualClock::new();
        let mut settings = Settings::in_directory(folder.path());
        settings.clock = Arc::new(clock.clone());
        if let Some(server) = server {
            settings.database = Database::Postgres { url: server.url.clone() };
        }
        let ports = Infrastructure::connect(&settings).await.unwrap();
        let database = match &settings.database {
            Database::Sqlite { path } => Side::File(Sqlite::read_only(path).await.unwrap()),
            Database::Postgres { url } => {
                let options = Postgres::options(url).unwrap().setting("search_path", "orderly");
                Side::Server(options.connect().await.unwrap())
            }
        };
        let client = ports.worker().ready().await.unwrap().client("a test");
        let stage = Self { ports, settings, client, clock, database };
        stage.wind(Duration::ZERO).await;
        stage
    }

    /// Moves time on, here and in a database that has its own.
    pub(crate) async fn wind(&self, by: Duration) {
        self.clock.wind(by);
        if let Side::Server(server) = &self.database {
            server.wind_to(self.now()).await.unwrap();
        }
    }

    /// The clock itself, for who winds it for a whole worker.
    pub(crate) fn clock(&self) -> ManualClock {
        self.clock.clone()
    }

    pub(crate) fn now(&self) -> Timestamp {
        wharf::Clock::now(&self.clock)
    }

    /// A transaction of the usual tenant's.
    pub(crate) fn begin(&self) -> UnitOfWork {
        self.begin_of(&tenant())
    }

    pub(crate) fn begin_of(&self, tenant: &Tenant) -> UnitOfWork {
        self.client.begin(tenant).unwrap()
    }

    /// Does something in a transaction of the usual tenant's, and commits it.
    pub(crate) async fn commit<T>(&self, work: impl AsyncFnOnce(&mut Tx) -> wharf::Result<T>) -> T {
        self.commit_of(&tenant(), work).await
    }

    pub(crate) async fn commit_of<T>(&self, tenant: &Tenant, work: impl AsyncFnOnce(&mut Tx) -> wharf::Result<T>) -> T {
        let mut unit = self.begin_of(tenant);
        let done = work(&mut unit.tx).await.unwrap();
        unit.commit().await.unwrap();
        done
    }

    /// Reads a column of texts past the adapters, for what no port shows.
    pub(crate) async fn read(&self, sql: &'static str) -> Vec<String> {
        match &self.database {
            Side::File(pool) => sqlx::query_scalar(sql).fetch_all(pool).await.unwrap(),
            Side::Server(server) => sqlx::query_scalar(sql).fetch_all(server.pool()).await.unwrap(),
        }
    }

    /// Writes past the adapters, as only a mistake does.
    pub(crate) async fn write(&self, sql: impl sqlx::SqlSafeStr + Send) {
        self.try_to_write(sql).await.unwrap();
    }

    /// The same, where the database may refuse it.
    pub(crate) async fn try_to_write(&self, sql: impl sqlx::SqlSafeStr + Send) -> Result<(), sqlx::Error> {
        match &self.settings.database {
            Database::Sqlite { path } => {
                let mut file = SqliteConnectOptions::new().filename(path).connect().await?;
                let written = sqlx::raw_sql(sql).execute(&mut file).await.map(drop);
                file.close().await?;
                written
            }
            Database::Postgres { .. } => match &self.database {
                Side::Server(server) => sqlx::raw_sql(sql).execute(server.pool()).await.map(drop),
                Side::File(_) => unreachable!("a server is no file"),
            },
        }
    }

    /// The same in wharf's tables; `{timers}` is where timers are.
    pub(crate) async fn write_to_wharf(&self, sql: &str) {
        let prefix = match &self.settings.database {
            Database::Sqlite { .. } => "wharf_",
            Database::Postgres { .. } => "wharf.",
        };
        self.write(AssertSqlSafe(sql.replace("{timers}", &format!("{prefix}timers")))).await;
    }

    /// Does to the migration table what a newer version of the program would.
    pub(crate) async fn come_from_the_future(&self) {
        match &self.settings.database {
            Database::Sqlite { path } => {
                let mut file = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
                file.execute("UPDATE orderly_migrations SET version = 1000 WHERE version = 1").await.unwrap();
                file.close().await.unwrap();
            }
            Database::Postgres { url } => {
                let mut server = PgConnectOptions::from_str(url).unwrap().connect().await.unwrap();
                server.execute("UPDATE orderly.migrations SET version = 1000 WHERE version = 1").await.unwrap();
                server.close().await.unwrap();
            }
        }
    }

    async fn close(self) {
        match self.database {
            Side::File(pool) => pool.close().await,
            Side::Server(server) => server.close().await,
        }
        self.ports.close().await;
    }
}

/// The tenant of whatever a case does not give to another.
pub(crate) fn tenant() -> Tenant {
    Tenant::new("acme")
}

/// A PostgreSQL, and a database there that is the case's own.
struct Server {
    address: PgConnectOptions,
    database: String,
    url: String,
}

impl Server {
    async fn with_database() -> Self {
        let server = env::var("TEST_POSTGRES_URL").expect(
            "TEST_POSTGRES_URL is not set: run `cargo xtask test`, or point it at a PostgreSQL whose user may create databases",
        );
        let database = format!("orderly_test_{}", Uuid::now_v7().simple());
        let (address, _) = server.rsplit_once('/').expect("an address ends in /database");
        let url = format!("{address}/{database}");
        let server = Self { address: PgConnectOptions::from_str(&server).unwrap(), database, url };
        server.run("CREATE DATABASE", "").await;
        server
    }

    async fn run(&self, before: &str, after: &str) {
        let mut server = self.address.connect().await.expect("the server of TEST_POSTGRES_URL answers");
        server.execute(AssertSqlSafe(format!("{before} {}{after}", self.database))).await.unwrap();
        server.close().await.unwrap();
    }
}
