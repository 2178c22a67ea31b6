//! The engine itself: its connections, and what all clones share.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::{
    Connection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use wharf::{Clock, Error, ports::Wakeups};

use crate::{
    PostgresOptions,
    lanes::Lanes,
    migrations::{Migrations, WHARF, migrate},
    notify::Notifier,
    options::ShareCommits,
};

/// Connections for claims, settlements, renewals and sends. They come in batches: a few connections keep the server
/// busy, and more only contend for the same rows.
const POST_CONNECTIONS_MAX: u32 = 4;

/// A read connection that idled this long is asked for a sign of life before it is used.
const PING_AFTER_IDLE: Duration = Duration::from_secs(1);

/// Statements on the hot tables have one good plan each, whatever the statistics of a moment say: walk the index, stop
/// early. A plan made while the table was empty must not scan it once it holds a million rows.
const ONE_GOOD_PLAN: [(&str, &str); 7] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_sort", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];

/// wharf's store and transport in one PostgreSQL database. Cheap to clone; clones are the same engine.
#[derive(Clone)]
pub struct Postgres {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    wakeups: Wakeups,
    notifier: Notifier,
    commits: AtomicU64,
    /// For handlers' transactions.
    lanes: Arc<Lanes>,
    share: ShareCommits,
    /// For everything that comes in batches, so that renewals never wait for handlers.
    post: Arc<Lanes>,
    reads: PgPool,
    /// How the listener connects.
    connect: PgConnectOptions,
}

impl Postgres {
    /// Connects to `postgres://user:password@host:port/database`, and brings the schema `wharf` up to date.
    ///
    /// # Errors
    /// See [`PostgresOptions::connect`].
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::options(url)?.connect().await
    }

    /// Options for connecting to this address.
    ///
    /// # Errors
    /// `W0017` when it is no address.
    pub fn options(url: &str) -> Result<PostgresOptions, Error> {
        PostgresOptions::new(url)
    }

    pub(crate) async fn open(options: PostgresOptions) -> Result<Self, Error> {
        migrate(&options.connect, options.acquire_timeout, WHARF).await?;
        let connect = options.connect.options([
            ("statement_timeout", format!("{}ms", options.statement_timeout.as_millis())),
            // A connection that was dropped half-way frees its locks, even while the server is at work for it.
            ("client_connection_check_interval", "1s".to_owned()),
        ]);
        let reads = PgPoolOptions::new()
            .max_connections(options.reads_max)
            .acquire_timeout(options.acquire_timeout)
            .test_before_acquire(false)
            .before_acquire(|connection, seen| {
                Box::pin(async move {
                    if seen.idle_for > PING_AFTER_IDLE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(connect.clone());
        let shared = Shared {
            clock: options.clock,
            wakeups: Wakeups::default(),
            notifier: Notifier::start(connect.clone()),
            commits: AtomicU64::new(0),
            lanes: Lanes::new(connect.clone(), options.transactions_max, options.acquire_timeout),
            share: options.share,
            post: Lanes::new(connect.clone().options(ONE_GOOD_PLAN), POST_CONNECTIONS_MAX, options.acquire_timeout),
            reads,
            connect,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Brings a program's own schema in this database up to date, under the same lock as wharf's.
    ///
    /// # Errors
    /// `W0020` when a newer version of the program migrated it; nothing was changed then.
    pub async fn migrate(&self, migrations: Migrations) -> Result<(), Error> {
        migrate(&self.shared.connect, self.shared.lanes.acquire_timeout(), migrations).await
    }

    /// Connections for reading, outside any delivery.
    pub fn pool(&self) -> &PgPool {
        &self.shared.reads
    }

    /// Commits this engine made since it was connected: claims, settlements, sends and transactions.
    pub fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    /// Waits for what is under way, tells other processes what they have not heard yet, and closes every connection.
    pub async fn close(&self) {
        self.shared.notifier.close().await;
        self.shared.lanes.close().await;
        self.shared.post.close().await;
        self.shared.reads.close().await;
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    pub(crate) fn wakeups(&self) -> &Wakeups {
        &self.shared.wakeups
    }

    pub(crate) fn lanes(&self) -> &Arc<Lanes> {
        &self.shared.lanes
    }

    pub(crate) fn share(&self) -> ShareCommits {
        self.shared.share
    }

    pub(crate) fn post(&self) -> &Arc<Lanes> {
        &self.shared.post
    }

    pub(crate) fn connect_options(&self) -> &PgConnectOptions {
        &self.shared.connect
    }

    pub(crate) fn notifier(&self) -> &Notifier {
        &self.shared.notifier
    }

    /// Counts a commit and wakes, here and elsewhere, the endpoints it sent to.
    pub(crate) fn committed<'a>(&self, sent_to: impl IntoIterator<Item = &'a str> + Clone) {
        self.shared.commits.fetch_add(1, Ordering::Relaxed);
        self.shared.wakeups.wake(sent_to.clone());
        self.shared.notifier.tell(sent_to);
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres")
            .field("host", &self.shared.connect.get_host())
            .field("port", &self.shared.connect.get_port())
            .field("database", &self.shared.connect.get_database())
            .finish_non_exhaustive()
    }
}
