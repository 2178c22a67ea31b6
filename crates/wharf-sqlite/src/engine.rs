//! The engine: one file, one writer, a pool of readers.

use std::{path::Path, sync::Arc};

use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};
use wharf::{
    Clock, Error, Timestamp,
    ports::{InProcess, LeftOff, Wakeups},
};

use crate::{
    error::failed,
    lock::Lock,
    migrations::{Migrations, WHARF, expect, migrate},
    options::SqliteOptions,
    script::Script,
    writer::Writer,
};

/// wharf on one SQLite file. Cheap to clone; clones are the same engine.
#[derive(Debug, Clone)]
pub struct Sqlite {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    writer: Writer,
    readers: SqlitePool,
    wakeups: Arc<Wakeups>,
    left_off: LeftOff,
    signals: Arc<InProcess>,
    clock: Arc<dyn Clock>,
}

impl Sqlite {
    /// Opens a database with the default options; see [`SqliteOptions::open`].
    ///
    /// # Errors
    /// As [`SqliteOptions::open`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::options(path).open().await
    }

    /// The options with which a database may be opened.
    pub fn options(path: impl AsRef<Path>) -> SqliteOptions {
        SqliteOptions::new(path.as_ref())
    }

    /// Connections that only read, beside an owner or without one: for inspection while another process works on
    /// the file. Takes no lock and changes nothing.
    ///
    /// # Errors
    /// When there is no such file.
    pub async fn read_only(path: impl AsRef<Path>) -> Result<SqlitePool, Error> {
        let options = SqliteOptions::new(path.as_ref());
        let pool = SqlitePoolOptions::new().max_connections(options.read_pool_size_max());
        pool.connect_with(options.reader()).await.map_err(|error| failed("open the database for reading", error))
    }

    pub(crate) async fn open_with(options: SqliteOptions) -> Result<Self, Error> {
        if options.expects_migrated() {
            expect(&options.looker(), WHARF).await?;
        }
        let lock = Lock::take(options.path()).await?;
        let wakeups = Arc::new(Wakeups::default());
        let writer = Writer::start(options.writer(), options.share(), Arc::clone(&wakeups), lock);
        let opened = Self::prepare(&writer, &options).await;
        if let Err(error) = opened {
            writer.close().await;
            return Err(error);
        }
        // Opened at first use, and after the writer, which made the file.
        let readers =
            SqlitePoolOptions::new().max_connections(options.read_pool_size_max()).connect_lazy_with(options.reader());
        let (left_off, clock) = (LeftOff::default(), options.time());
        let signals = Arc::new(InProcess::new(Arc::clone(&clock)));
        Ok(Self { shared: Arc::new(Shared { writer, readers, wakeups, left_off, signals, clock }) })
    }

    /// Migrates, then takes over: what was held was held by a process that is no more.
    async fn prepare(writer: &Writer, options: &SqliteOptions) -> Result<(), Error> {
        if !options.expects_migrated() {
            let mut alone = writer.alone().await?;
            migrate(alone.connection()?, WHARF).await?;
            alone.undo().await;
        }
        let script = Script::new().write(TAKE_OVER).bind(options.time().now().as_micros());
        writer.run("take over what was held", script, Vec::new()).await?.committed().map(drop)
    }

    /// Brings a program's own tables up to date. They live beside wharf's.
    ///
    /// # Errors
    /// `W0020` when the database has seen a newer step; it is then left untouched. Else what SQLite said.
    pub async fn migrate(&self, migrations: Migrations) -> Result<(), Error> {
        let mut alone = self.shared.writer.alone().await?;
        let migrated = migrate(alone.connection()?, migrations).await;
        alone.undo().await;
        migrated
    }

    /// Connections for reading, whatever their tables. They see what was committed, and cannot write.
    pub fn read_pool(&self) -> &SqlitePool {
        &self.shared.readers
    }

    /// How many transactions that changed something were committed since the engine was opened.
    pub fn commits(&self) -> u64 {
        self.shared.writer.commits()
    }

    /// Closes the database once all that waits is done. The file may then be moved or removed; what comes later, from this
    /// handle or a clone, is refused with `W0017`.
    pub async fn close(&self) {
        // The writer last: whoever closes last clears SQLite's own files away, and a reader may not.
        self.shared.readers.close().await;
        self.shared.writer.close().await;
    }

    pub(crate) fn writer(&self) -> &Writer {
        &self.shared.writer
    }

    pub(crate) fn signals(&self) -> &Arc<InProcess> {
        &self.shared.signals
    }

    pub(crate) fn left_off(&self) -> &LeftOff {
        &self.shared.left_off
    }

    pub(crate) fn bells(&self) -> &Wakeups {
        &self.shared.wakeups
    }

    pub(crate) fn time(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.shared.clock)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }
}

/// The sole owner need not wait for leases to end: they end now, and with them whatever the dead could still settle. Looks
/// at every row, once, at start.
const TAKE_OVER: &str = "UPDATE wharf_deliveries SET not_before = ?, epoch = epoch + 1 WHERE held = 1";
