//! A database in a directory of its own, with a table of the application's beside wharf's.

use std::{path::PathBuf, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use wharf::{
    Client, Code, Delivery, Error, Key, Message, Module, Msg, Outgoing, Result, Tenant, Tx, UnitOfWork, Worker,
    ports::{Claim, Transport},
    testing::ManualClock,
};
use wharf_sqlite::{Migrations, Sqlite, SqliteOptions, SqliteTx};

pub(crate) const LEASE: Duration = Duration::from_secs(30);
/// Longer than any test: only then may a commit wait for members that are slow to come.
pub(crate) const FOR_EVER: Duration = Duration::from_secs(3_600);

pub(crate) struct App {
    pub(crate) engine: Sqlite,
    pub(crate) client: Client,
    pub(crate) clock: ManualClock,
    directory: TempDir,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Said {
    pub(crate) text: String,
}

impl Message for Said {
    const NAME: &'static str = "said";

    fn key(&self) -> Key {
        Key::new("text", &self.text)
    }
}

async fn listen(_: Msg<Said>) -> Result {
    Ok(())
}

pub(crate) fn said(text: &str) -> Said {
    Said { text: text.to_owned() }
}

impl App {
    pub(crate) async fn start() -> Self {
        Self::with(|options| options).await
    }

    pub(crate) async fn with(options: impl FnOnce(SqliteOptions) -> SqliteOptions) -> Self {
        Self::open(TempDir::new().unwrap(), ManualClock::new(), options).await.unwrap()
    }

    async fn open(
        directory: TempDir,
        clock: ManualClock,
        options: impl FnOnce(SqliteOptions) -> SqliteOptions,
    ) -> Result<Self, Error> {
        let path = directory.path().join("app.db");
        let engine = options(Sqlite::options(path).clock(clock.clone())).open().await?;
        engine.migrate(NOTES).await?;
        let module = Module::new("ears", ()).consume("listen", listen);
        let client = Worker::new(engine.clone()).module(module).ready().await.unwrap().client("test");
        Ok(Self { engine, client, clock, directory })
    }

    /// Closes the engine, settling nothing, and opens it again at the same moment.
    pub(crate) async fn reopen(self) -> Self {
        let clock = self.clock.clone();
        self.reopen_at(clock).await
    }

    /// The same by another clock.
    pub(crate) async fn reopen_at(self, clock: ManualClock) -> Self {
        let Self { engine, client, directory, .. } = self;
        drop(client);
        engine.close().await;
        Self::open(directory, clock, |options| options).await.unwrap()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("app.db")
    }

    pub(crate) fn begin(&self) -> UnitOfWork {
        self.client.begin(&Tenant::default()).unwrap()
    }

    /// Says something through a commit of its own.
    pub(crate) async fn say(&self, text: &str) -> Result<(), Error> {
        self.client.publish(&Tenant::default(), said(text)).await.map(drop)
    }

    pub(crate) async fn claim(&self) -> Vec<Delivery> {
        self.engine.claim(&Claim::new("listen", 1_000, LEASE)).await.unwrap().deliveries
    }

    /// What was said and not yet heard, oldest first.
    pub(crate) async fn hear(&self) -> Vec<String> {
        let heard = self.claim().await;
        heard.iter().map(|delivery| serde_json::from_str::<Said>(&delivery.body).unwrap().text).collect()
    }

    pub(crate) async fn notes(&self) -> Vec<String> {
        let notes = sqlx::query_scalar("SELECT key FROM notes ORDER BY key");
        notes.fetch_all(self.engine.read_pool()).await.unwrap()
    }
}

/// Writes a note within a transaction.
pub(crate) async fn note(tx: &mut Tx, key: &str) -> Result<(), sqlx::Error> {
    let insert = sqlx::query("INSERT INTO notes (key, value) VALUES ($1, '')").bind(key);
    insert.execute(tx.sqlite().await.unwrap()).await.map(drop)
}

/// The application's own table.
pub(crate) const NOTES: Migrations =
    Migrations::of("app", &[("notes", "CREATE TABLE notes (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT")]);

pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> Code {
    result.unwrap_err().code()
}

/// A message for the endpoint `listen`, with a body of so many bytes.
pub(crate) fn large(like: &Delivery, bytes: usize) -> Outgoing {
    let body = format!(r#"{{"text":"{}"}}"#, "x".repeat(bytes));
    Outgoing::new(Arc::from("listen"), like.envelope.clone(), Arc::from(body))
}
