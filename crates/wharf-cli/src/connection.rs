//! The database, by the form of its address.

use anyhow::Context;
use wharf::{Client, ReadyWorker, Worker};
use wharf_postgres::Postgres;
use wharf_sqlite::Sqlite;

/// An open database, and a client on it.
pub(crate) struct Connection {
    engine: Engine,
    client: Client,
    /// Keeps the routes that messages are sent by.
    _worker: ReadyWorker,
}

enum Engine {
    Postgres(Postgres),
    Sqlite(Sqlite),
}

impl Connection {
    /// Opens it, its tables brought up to date.
    pub(crate) async fn open(address: &str) -> anyhow::Result<Self> {
        let (engine, worker) = if address.starts_with("postgres://") || address.starts_with("postgresql://") {
            let engine = Postgres::connect(address).await?;
            (Engine::Postgres(engine.clone()), Worker::new(engine))
        } else {
            let path = address.strip_prefix("sqlite://").unwrap_or(address);
            anyhow::ensure!(
                std::path::Path::new(path).exists(),
                "there is no file `{path}`; give --database a path, or an address that begins with postgres://"
            );
            let engine = Sqlite::open(path).await.with_context(|| {
                format!("`{path}`; while a process owns a SQLite file, no other can change what is in it")
            })?;
            (Engine::Sqlite(engine.clone()), Worker::new(engine))
        };
        let worker = worker.ready().await?;
        let client = worker.client("wharf");
        Ok(Self { engine, client, _worker: worker })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) async fn close(self) {
        match self.engine {
            Engine::Postgres(engine) => engine.close().await,
            Engine::Sqlite(engine) => engine.close().await,
        }
    }
}
