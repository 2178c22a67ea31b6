//! How an engine is connected.

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use sqlx::postgres::PgConnectOptions;
use wharf::{Clock, Code, Error, SystemClock};

use crate::{Postgres, error::failed};

/// How many deliveries may share a commit, and for how long they may join.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShareCommits {
    pub(crate) members_max: usize,
    pub(crate) age_max: Duration,
}

/// How an engine is connected: [`Postgres::options`], then [`connect`](PostgresOptions::connect).
#[must_use = "options do nothing until they connect"]
pub struct PostgresOptions {
    pub(crate) connect: PgConnectOptions,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) is_pooled: bool,
    pub(crate) listen_on: Option<PgConnectOptions>,
    pub(crate) transactions_max: u32,
    pub(crate) share: ShareCommits,
    pub(crate) reads_max: u32,
    pub(crate) acquire_timeout: Duration,
    pub(crate) statement_timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) expect_migrated: bool,
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
            settings: Vec::new(),
            is_pooled: false,
            listen_on: None,
            transactions_max: 16,
            share: ShareCommits { members_max: 1, age_max: Duration::from_millis(5) },
            reads_max: 8,
            acquire_timeout: Duration::from_secs(30),
            statement_timeout: Duration::from_secs(60),
            clock: Arc::new(SystemClock),
            expect_migrated: false,
        })
    }

    /// A setting of every connection, such as the schema in which names without one are found: `search_path`. What wharf
    /// needs of its own connections it sets itself, and it names its own schema wherever it is meant.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Says that the address is that of a pooler in transaction mode, such as PgBouncer with `pool_mode = transaction`.
    ///
    /// Everything but listening works there as it does without: settings are made anew in each transaction, single
    /// statements get transactions of their own, prepared statements are not kept, and migrations take a lock that ends
    /// with their transaction. Each of these costs something, so do not say it of a server. The pooler must keep
    /// `DateStyle`, `client_encoding`, `TimeZone` and `application_name`, as PgBouncer does by itself, and its pool must
    /// have a connection for each transaction that is to be open at once: [`transactions_max`](Self::transactions_max),
    /// [`reads_max`](Self::reads_max) and five, for every worker process.
    ///
    /// What needs a **direct connection** is hearing of other processes' work: see [`listen_on`](Self::listen_on).
    pub fn through_pooler(mut self) -> Self {
        self.is_pooled = true;
        self
    }

    /// The address of the server itself, for the one connection that hears of other processes' work when all others go
    /// [`through a pooler`](Self::through_pooler), where nobody can `LISTEN`.
    ///
    /// Without it a worker behind a pooler says so once, and finds what other processes send when it looks, within
    /// [`Limits::fallback_poll`](wharf::Limits::fallback_poll). What its own process sends it hears of in any case.
    ///
    /// # Errors
    /// `W0017` when it is no address.
    pub fn listen_on(mut self, url: &str) -> Result<Self, Error> {
        let connect = PgConnectOptions::from_str(url);
        let connect = connect.map_err(|error| failed("read the address of PostgreSQL to listen on", error))?;
        self.listen_on = Some(connect.application_name("wharf"));
        Ok(self)
    }

    /// How many transactions may be open at once, each on a connection of its own. Default 16; handlers beyond that wait.
    /// Six more connections carry deliveries and wake-ups.
    pub fn transactions_max(mut self, connections: u32) -> Self {
        self.transactions_max = connections;
        self
    }

    /// How many deliveries that use `Tx` may share one commit. Default 1: each has a commit of its own.
    ///
    /// A handler that is done while others wait for a connection passes it on, and the next one works in the same
    /// transaction within a savepoint of its own; the last one commits for all. So commits are shared once more handlers
    /// want a transaction than [`transactions_max`](Self::transactions_max) allows: with `transactions_max(4)`,
    /// `share_commits(8)` and a concurrency of 32, four connections carry eight each.
    ///
    /// Use it where many short handlers write rows of their own: each commit then waits for the disk once for all. Do
    /// not use it where handlers meet at the same rows, or are slow: what one wrote stays locked, and what it sent stays
    /// unsent, until the last of its group is done. A handler waits for another's lock for 100 ms at most; then, as after
    /// a deadlock, it is run again by itself, which costs no attempt. So is every member when a group's commit fails.
    /// The error must reach wharf for that, as a cause of the handler's. Handlers in a group cannot set the transaction's
    /// isolation level, and see one `now()`. Units of work outside of deliveries never share.
    pub fn share_commits(mut self, members_max: usize) -> Self {
        self.share.members_max = members_max;
        self
    }

    /// How old a transaction may be for a further delivery to share its commit. Default 5 ms.
    pub fn share_commits_within(mut self, age_max: Duration) -> Self {
        self.share.age_max = age_max;
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

    /// Connects only to a database whose schema `wharf` is as this version has it: for a tool that may be pointed at any
    /// database, and for a role that may not create tables. What is missing, older or newer is refused, and nothing is
    /// changed. By default what is missing is made.
    pub fn expect_migrated(mut self) -> Self {
        self.expect_migrated = true;
        self
    }

    /// Connects, and brings the schema `wharf` up to date.
    ///
    /// # Errors
    /// `W0017` when the server cannot be reached, `W0020` when a newer version migrated the database, `W0031` when it is
    /// [expected](Self::expect_migrated) to be migrated and is not, `W0027` when a limit makes no sense.
    pub async fn connect(self) -> Result<Postgres, Error> {
        if self.transactions_max == 0 || self.reads_max == 0 || self.share.members_max == 0 {
            let message = "transactions_max, reads_max and share_commits: at least 1";
            return Err(Error::new(Code::LIMIT_INVALID, message));
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
            .field("share_commits", &self.share.members_max)
            .field("reads_max", &self.reads_max)
            .finish_non_exhaustive()
    }
}
