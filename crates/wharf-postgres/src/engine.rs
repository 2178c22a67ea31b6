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
use wharf::{
    Clock, Error,
    ports::{InProcess, LeftOff, Ring, Wakeups},
};

use crate::{
    PostgresOptions,
    lanes::Lanes,
    migrations::{Migrations, WHARF, expect, migrate},
    notify::Notifier,
    options::ShareCommits,
    session::Session,
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
    /// What this process has heard of cancellations.
    heard: InProcess,
    notifier: Notifier,
    commits: AtomicU64,
    /// For handlers' transactions.
    lanes: Arc<Lanes>,
    share: ShareCommits,
    /// For everything that comes in batches, so that renewals never wait for handlers.
    post: Arc<Lanes>,
    reads: PgPool,
    session: Session,
    /// How the listener connects, when not as all others do.
    listen_on: Option<PgConnectOptions>,
    left_off: LeftOff,
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
        let session = Session::new(options.connect, options.is_pooled).with(options.settings);
        if options.expect_migrated {
            expect(&session, options.acquire_timeout, WHARF).await?;
        } else {
            migrate(&session, options.acquire_timeout, WHARF).await?;
        }
        let session = session.with([
            ("statement_timeout", format!("{}ms", options.statement_timeout.as_millis())),
            // A connection that was dropped half-way frees its locks, even while the server is at work for it.
            ("client_connection_check_interval", "1s".to_owned()),
        ]);
        // Behind a pooler a connection is read on within a transaction, which ends as it comes back.
        let (entering, reentering, leaving) = (session.clone(), session.clone(), session.clone());
        let reads = PgPoolOptions::new()
            .max_connections(options.reads_max)
            .acquire_timeout(options.acquire_timeout)
            .test_before_acquire(false)
            .after_connect(move |connection, _| {
                let session = entering.clone();
                Box::pin(async move { session.enter(connection, false).await })
            })
            .before_acquire(move |connection, seen| {
                let session = reentering.clone();
                Box::pin(async move {
                    if seen.idle_for > PING_AFTER_IDLE {
                        connection.ping().await?;
                    }
                    session.enter(connection, true).await.map(|()| true)
                })
            })
            .after_release(move |connection, _| {
                let session = leaving.clone();
                Box::pin(async move { session.leave(connection).await.map(|()| true) })
            })
            .connect_lazy_with(session.options());
        let shared = Shared {
            heard: InProcess::new(Arc::clone(&options.clock)),
            clock: options.clock,
            wakeups: Wakeups::default(),
            notifier: Notifier::start(session.clone()),
            commits: AtomicU64::new(0),
            lanes: Lanes::for_transactions(session.clone(), options.transactions_max, options.acquire_timeout),
            share: options.share,
            post: Lanes::for_statements(session.with(ONE_GOOD_PLAN), POST_CONNECTIONS_MAX, options.acquire_timeout),
            reads,
            listen_on: options.listen_on,
            session,
            left_off: LeftOff::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Brings a program's own schema in this database up to date, under the same lock as wharf's.
    ///
    /// # Errors
    /// `W0020` when a newer version of the program migrated it; nothing was changed then.
    pub async fn migrate(&self, migrations: Migrations) -> Result<(), Error> {
        migrate(&self.shared.session, self.shared.lanes.acquire_timeout(), migrations).await
    }

    /// Connections for reading, outside any delivery.
    pub fn pool(&self) -> &PgPool {
        &self.shared.reads
    }

    /// Commits this engine made since it was connected: claims, settlements, sends and transactions.
    pub fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    /// Waits for what is under way and closes every connection. What other processes were not told yet they find when
    /// they look, at the latest after `Limits::fallback_poll`.
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

    pub(crate) fn heard(&self) -> &InProcess {
        &self.shared.heard
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

    /// How to listen; `None` where nobody can.
    pub(crate) fn listen_options(&self) -> Option<PgConnectOptions> {
        let session = &self.shared.session;
        self.shared.listen_on.clone().or_else(|| (!session.is_pooled()).then(|| session.options()))
    }

    pub(crate) fn left_off(&self) -> &LeftOff {
        &self.shared.left_off
    }

    pub(crate) fn notifier(&self) -> &Notifier {
        &self.shared.notifier
    }

    /// Counts a commit and wakes, here and elsewhere, the endpoints it sent to.
    pub(crate) fn committed<'a>(&self, sent: impl IntoIterator<Item = Ring<'a>> + Clone) {
        self.shared.commits.fetch_add(1, Ordering::Relaxed);
        self.shared.wakeups.wake(sent.clone());
        self.shared.notifier.tell(sent.into_iter().map(|ring| ring.endpoint));
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connect = self.shared.session.options();
        f.debug_struct("Postgres")
            .field("host", &connect.get_host())
            .field("port", &connect.get_port())
            .field("database", &connect.get_database())
            .finish_non_exhaustive()
    }
}
