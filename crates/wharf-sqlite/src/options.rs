//! How a database is opened.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use wharf::{Clock, Code, Error, SystemClock};

use crate::{engine::Sqlite, writer::ShareCommits};

/// When a commit counts as done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// When the disk says so. Nothing that was committed is ever lost.
    #[default]
    Full,
    /// When the operating system has it. Faster; a power cut may lose the last commits, though never consistency.
    Normal,
}

/// How a database is opened. Made by [`Sqlite::options`].
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    synchronous: Synchronous,
    read_pool_size_max: u32,
    busy_timeout: Duration,
    share: ShareCommits,
    size_max_pages: Option<u32>,
    expect_migrated: bool,
}

impl SqliteOptions {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            clock: Arc::new(SystemClock),
            synchronous: Synchronous::default(),
            read_pool_size_max: 4,
            busy_timeout: Duration::from_secs(5),
            share: ShareCommits { max_members: 32, max_age: Duration::from_millis(4) },
            size_max_pages: None,
            expect_migrated: false,
        }
    }

    /// The clock that decides leases and due times. Default: the machine's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// When a commit counts as done. Default: [`Synchronous::Full`].
    #[must_use]
    pub fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// How many connections read at once, at least 1. Default 4.
    #[must_use]
    pub fn read_pool(mut self, connections: u32) -> Self {
        self.read_pool_size_max = connections;
        self
    }

    /// How long to wait for a lock that another program holds on the file. Default 5 s.
    #[must_use]
    pub fn busy_timeout(mut self, limit: Duration) -> Self {
        self.busy_timeout = limit;
        self
    }

    /// How many deliveries may share a commit, and for how long one may be kept open while others wait to join it.
    /// Default 32 and 4 ms; with 1, each has a commit of its own. It is closed at once when nobody waits.
    #[must_use]
    pub fn share_commits(mut self, max_members: usize, max_age: Duration) -> Self {
        self.share = ShareCommits { max_members, max_age };
        self
    }

    /// The size above which the database counts as full, in pages of 4 KiB. Default: what the disk holds.
    #[must_use]
    pub fn size_max_pages(mut self, pages: u32) -> Self {
        self.size_max_pages = Some(pages);
        self
    }

    /// Opens only a database that has wharf's tables as this version has them: for a tool that may be pointed at any file.
    /// What is none, is older or newer is refused before anything of it, or beside it, was touched. By default what is
    /// missing is made.
    #[must_use]
    pub fn expect_migrated(mut self) -> Self {
        self.expect_migrated = true;
        self
    }

    /// Opens the database, creating and migrating it if need be, and takes over what a former owner left held.
    ///
    /// # Errors
    /// `W0021` when another process works on the file; `W0020` when a newer version migrated it, which then is left
    /// untouched; `W0031` when it is [expected](Self::expect_migrated) to be migrated and is not; `W0027` for an option that makes no sense; else what SQLite said.
    pub async fn open(self) -> Result<Sqlite, Error> {
        if self.read_pool_size_max == 0 || self.share.max_members == 0 {
            return Err(Error::new(Code::LIMIT_INVALID, "sqlite: read_pool and share_commits begin at 1"));
        }
        Sqlite::open_with(self).await
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn time(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    pub(crate) fn share(&self) -> ShareCommits {
        self.share
    }

    pub(crate) fn read_pool_size_max(&self) -> u32 {
        self.read_pool_size_max
    }

    /// The one connection that writes.
    pub(crate) fn writer(&self) -> SqliteConnectOptions {
        let synchronous = match self.synchronous {
            Synchronous::Full => SqliteSynchronous::Full,
            Synchronous::Normal => SqliteSynchronous::Normal,
        };
        let options = self
            .any()
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .foreign_keys(true)
            // Savepoints of a shared transaction keep what they would need to undo; not on disk.
            .pragma("temp_store", "memory")
            .pragma("cache_size", CACHE_SIZE_KIB)
            .row_buffer_size(ROWS_IN_FLIGHT_MAX);
        match self.size_max_pages {
            Some(pages) => options.pragma("max_page_count", pages.to_string()),
            None => options,
        }
    }

    pub(crate) fn expects_migrated(&self) -> bool {
        self.expect_migrated
    }

    /// A connection that looks at what stands in the file, and leaves nothing beside it.
    pub(crate) fn looker(&self) -> SqliteConnectOptions {
        let mut log = self.path.as_os_str().to_owned();
        log.push("-wal");
        // Who reads a database that keeps a log makes one where there is none, and only a writer clears it away. Without a
        // log all there is stands in the file: https://www.sqlite.org/uri.html#uriimmutable
        self.reader().immutable(!Path::new(&log).exists())
    }

    /// The connections that read.
    pub(crate) fn reader(&self) -> SqliteConnectOptions {
        self.any().read_only(true)
    }

    fn any(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new().filename(&self.path).busy_timeout(self.busy_timeout)
    }
}

/// Negative means KiB and not pages; https://www.sqlite.org/pragma.html#pragma_cache_size
const CACHE_SIZE_KIB: &str = "-16384";
/// How many rows the connection's thread may be ahead of us.
const ROWS_IN_FLIGHT_MAX: usize = 1_024;
