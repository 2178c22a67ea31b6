//! The database, by the form of its address.

use wharf::{Client, Code, ReadyWorker, Worker};
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

/// What becomes of a database without wharf's tables, or with older ones.
#[derive(Clone, Copy)]
enum Tables {
    /// It is refused, untouched: it may be another's, or have workers of its own version.
    Expected,
    Made,
}

impl Connection {
    /// Opens a database that is migrated, by whoever.
    pub(crate) async fn open(address: &str) -> anyhow::Result<Self> {
        let engine = Engine::open(address, Tables::Expected).await?;
        let worker = match &engine {
            Engine::Postgres(engine) => Worker::new(engine.clone()),
            Engine::Sqlite(engine) => Worker::new(engine.clone()),
        };
        let worker = worker.ready().await?;
        let client = worker.client("wharf");
        Ok(Self { engine, client, _worker: worker })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) async fn close(self) {
        self.engine.close().await;
    }
}

/// Brings the tables up to date.
pub(crate) async fn migrate(address: &str) -> anyhow::Result<()> {
    Engine::open(address, Tables::Made).await?.close().await;
    Ok(())
}

impl Engine {
    async fn open(address: &str, tables: Tables) -> anyhow::Result<Self> {
        if address.starts_with("postgres://") || address.starts_with("postgresql://") {
            let options = Postgres::options(address)?;
            let options = match tables {
                Tables::Expected => options.expect_migrated(),
                Tables::Made => options,
            };
            return Ok(Self::Postgres(options.connect().await?));
        }
        let path = address.strip_prefix("sqlite://").unwrap_or(address);
        anyhow::ensure!(
            std::path::Path::new(path).exists(),
            "there is no file `{path}`; give --database a path, or an address that begins with postgres://"
        );
        let options = Sqlite::options(path);
        let options = match tables {
            Tables::Expected => options.expect_migrated(),
            Tables::Made => options,
        };
        let engine = options.open().await.map_err(|error| {
            let owned = error.code() == Code::ALREADY_OWNED;
            let hint = if owned { OWNED } else { "" };
            anyhow::Error::new(error).context(format!("`{path}`{hint}"))
        })?;
        Ok(Self::Sqlite(engine))
    }

    async fn close(self) {
        match self {
            Self::Postgres(engine) => engine.close().await,
            Self::Sqlite(engine) => engine.close().await,
        }
    }
}

const OWNED: &str = "; while a process owns a SQLite file, no other can change what is in it";
