//! How an engine is connected.

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use sqlx::postgres::PgConnectOptions;
use wharf::{Clock, Code, Error, SystemClock};

use crate::{Postgres, error::failed};

/// How an engine is connected: [`Postgres::options`], then [`connect`](PostgresOptions::connect).
#[must_use = "options do nothing until they connect"]
pub struct PostgresOptions {
    pub(crate) connect: PgConnectOptions,
    pub(crate) transactions_max: u32,
    pub(crate) reads_max: u32,
    pub(crate) acquire_timeout: Duration,
    pub(crate) statement_timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
}

impl PostgresOptions {
    /// Reads the address, `postgres://user:password@host:port/database`.
    ///
    /// # Errors
    /// `W0017` when it is no address. What it says never holds the password.
    pub fn new(url: &str) -> Result<Self, Error> {
        let connect =
            PgConnectOptions::from_str(url).map_err(|error| failed("read the address of PostgreSQL", error))?;
        Ok(Self {
            connect: connect.application_name("wharf"),
            transactions_max: 16,
            reads_max: 8,
            acquire_timeout: Duration::from_secs(30),
            statement_timeout: Duration::from_secs(60),
            clock: Arc::new(SystemClock),
        })
    }

    /// A setting of every connection, such as the schema in which names without one are found: `search_path`. What wharf
    /// needs of its own connections it sets itself, and it names its own schema wherever it is meant.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.connect = self.connect.options([(name, value)]);
        self
    }

    /// How many transactions may be open at once, each on a connection of its own. Default 16; handlers beyond that wait.
    /// Six more connections carry deliveries and wake-ups.
    pub fn transactions_max(mut self, connections: u32) -> Self {
        self.transactions_max = connections;
        self
    }

    /// How many connections [`Postgres::pool`] may open for reading. Default 8.
    pub fn reads_max(mut self, connections: u32) -> Self {
        self.reads_max = connections;
        self
    }

    /// How long to wait for a free connection, or for the server to accept one. Default 30 s.
    pub fn acquire_timeout(mut self, limit: Duration) -> Self {
        self.acquire_timeout = limit;
        self
    }

    /// How long a single statement may take before the server ends it. Default 60 s; migrations are exempt.
    pub fn statement_timeout(mut self, limit: Duration) -> Self {
        self.statement_timeout = limit;
        self
    }

    /// The clock that tells how long to sleep. Leases, delays and due dates are decided by the database's own.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Connects, and brings the schema `wharf` up to date.
    ///
    /// # Errors
    /// `W0017` when the server cannot be reached, `W0020` when a newer version migrated the database, `W0027` when a
    /// limit makes no sense.
    pub async fn connect(self) -> Result<Postgres, Error> {
        if self.transactions_max == 0 || self.reads_max == 0 {
            return Err(Error::new(Code::LIMIT_INVALID, "transactions_max and reads_max: at least 1"));
        }
        Postgres::open(self).await
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("host", &self.connect.get_host())
            .field("port", &self.connect.get_port())
            .field("database", &self.connect.get_database())
            .field("transactions_max", &self.transactions_max)
            .field("reads_max", &self.reads_max)
            .finish_non_exhaustive()
    }
}
