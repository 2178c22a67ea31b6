//! Waking other processes: `NOTIFY`, in transactions of its own, and the listener that hears theirs.
//!
//! A `NOTIFY` inside a committing transaction makes every such commit of the whole server wait for one lock. So it is
//! sent afterwards: the first at once, those that follow gathered for a few milliseconds. One that is lost is made good
//! by the look that every idle endpoint takes now and then.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use sqlx::{
    PgConnection,
    postgres::{PgListener, PgPoolOptions},
};
use tokio::{sync::Notify, task::JoinHandle};
use wharf::{Error, ports::Wakeups};

use crate::{Postgres, error::failed, session::Session, signals};

/// New work is told on one channel; the payload is the endpoint.
const CHANNEL: &str = "wharf";
/// After telling, what follows is gathered for this long.
const GATHER: Duration = Duration::from_millis(5);
/// After a failure, what follows is gathered for this long.
const TROUBLE_PAUSE: Duration = Duration::from_secs(1);

/// Tells other processes which endpoints got work.
#[derive(Debug)]
pub(crate) struct Notifier {
    news: Arc<News>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct News {
    endpoints: Mutex<BTreeSet<String>>,
    bell: Notify,
    /// The server's name for our connection, by which the listener knows its own voice.
    backend: AtomicU32,
}

impl Notifier {
    pub(crate) fn start(session: Session) -> Self {
        let news = Arc::<News>::default();
        // Nothing is written here that a power cut could lose.
        let session = session.with([("synchronous_commit", "off")]);
        let task = tokio::spawn(Arc::clone(&news).run(session));
        Self { news, task }
    }

    /// Has it told soon that these endpoints got work. Never waits.
    pub(crate) fn tell<'a>(&self, endpoints: impl IntoIterator<Item = &'a str>) {
        let mut endpoints = endpoints.into_iter().peekable();
        if endpoints.peek().is_none() {
            return;
        }
        let mut waiting = self.news.waiting();
        for endpoint in endpoints {
            if !waiting.contains(endpoint) {
                waiting.insert(endpoint.to_owned());
            }
        }
        self.news.bell.notify_one();
    }

    /// Ends it. What was not told is found by others when they look.
    pub(crate) async fn close(&self) {
        self.task.abort();
        while !self.task.is_finished() {
            tokio::task::yield_now().await;
        }
    }

    /// Whether a notification from this backend is one of ours: who committed here was woken here already.
    fn is_own(&self, backend: u32) -> bool {
        self.news.backend.load(Ordering::Relaxed) == backend
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl News {
    async fn run(self: Arc<Self>, session: Session) {
        let mut connection = None;
        loop {
            self.bell.notified().await;
            let endpoints = std::mem::take(&mut *self.waiting());
            match self.tell(&mut connection, &session, &endpoints).await {
                Ok(()) => tokio::time::sleep(GATHER).await,
                Err(error) => {
                    connection = None;
                    let error = failed("notify other processes", error);
                    tracing::warn!(error = error.chain(), "other processes find new work only when they look");
                    tokio::time::sleep(TROUBLE_PAUSE).await;
                    // Told twice does no harm; never told, it would wait for the next look.
                    self.waiting().extend(endpoints);
                    self.bell.notify_one();
                }
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn tell(
        &self,
        connection: &mut Option<PgConnection>,
        session: &Session,
        endpoints: &BTreeSet<String>,
    ) -> Result<(), sqlx::Error> {
        const TELL: &str = "SELECT count(pg_notify('wharf', endpoint)) FROM unnest($1::text[]) AS n(endpoint)";

        let connection = match connection {
            Some(connection) => connection,
            None => {
                let mut fresh = session.connect().await?;
                session.enter(&mut fresh, false).await?;
                let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut fresh).await?;
                session.leave(&mut fresh).await?;
                // Behind a pooler it may be anybody's next. Then who told hears it, and looks once more than need be.
                let backend = if session.is_pooled() { 0 } else { backend.cast_unsigned() };
                self.backend.store(backend, Ordering::Relaxed);
                connection.insert(fresh)
            }
        };
        let endpoints: Vec<&str> = endpoints.iter().map(String::as_str).collect();
        session.enter(connection, true).await?;
        sqlx::query(TELL).bind(endpoints).execute(&mut *connection).await?;
        session.leave(connection).await
    }
}

/// Hears of work that other processes committed, until the connection is lost.
pub(crate) async fn listen(engine: &Postgres) -> Result<(), Error> {
    let hear = |error| failed("listen for other processes", error);
    let wakeups: &Wakeups = engine.wakeups();
    let Some(options) = engine.listen_options() else {
        tracing::warn!(
            "behind a pooler nobody can listen: give an address to `listen_on`; until then what other processes send is found when it is looked for"
        );
        return std::future::pending().await;
    };
    let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None).connect_lazy_with(options);
    let mut listener = PgListener::connect_with(&pool).await.map_err(hear)?;
    listener.listen_all([CHANNEL, signals::CHANNEL]).await.map_err(hear)?;
    // Nobody knows what was told while nobody listened.
    wakeups.wake_all();
    loop {
        match listener.try_recv().await.map_err(hear)? {
            Some(told) if engine.notifier().is_own(told.process_id()) => {}
            Some(told) if told.channel() == signals::CHANNEL => signals::pass_on(engine, told.payload()).await?,
            Some(told) => wakeups.wake([told.payload()]),
            None => wakeups.wake_all(),
        }
    }
}
