//! Connections of our own, handed from use to use without a ping.
//!
//! sqlx's pool asks the server for a sign of life each time a connection comes back, which costs a short transaction a
//! good part of its time. Here only what is known to be sound comes back, and everything else is closed: a lane that is
//! dropped half-way, by a panic or a timeout, takes its transaction with it.

use std::{
    collections::VecDeque,
    future::Future,
    ops::{Deref, DerefMut},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{Connection, PgConnection, SqlStr};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::timeout,
};
use wharf::{Code, Error};

use crate::{
    error::{failed, is_broken, not_connected},
    session::Session,
    sharing::Group,
    transaction::Mode,
};

/// A bounded set of connections that are made alike.
#[derive(Debug)]
pub(crate) struct Lanes {
    session: Session,
    /// Whether a connection is taken for a transaction, or for what behind a pooler needs one.
    for_statements: bool,
    size_max: u32,
    acquire_timeout: Duration,
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// Those who wait, and would also take a connection within a transaction. The first came first.
    joining: Mutex<VecDeque<oneshot::Sender<Lane>>>,
    /// The last one given back is taken first: its statements are prepared.
    idle: Mutex<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    connection: PgConnection,
    /// The transaction that was begun on it for the next to take it, and when.
    begun: Option<(Mode, Instant)>,
}

/// A connection, ours alone until it is given back. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Lane {
    connection: PgConnection,
    is_used: bool,
    begun: Option<(Mode, Instant)>,
    /// Those before us in its open transaction.
    group: Group,
    lanes: Arc<Lanes>,
    _permit: OwnedSemaphorePermit,
}

impl Lanes {
    /// For transactions, which their users begin and end.
    pub(crate) fn for_transactions(session: Session, size_max: u32, acquire_timeout: Duration) -> Arc<Self> {
        Self::new(session, false, size_max, acquire_timeout)
    }

    /// For single statements, and for transactions that sqlx begins.
    pub(crate) fn for_statements(session: Session, size_max: u32, acquire_timeout: Duration) -> Arc<Self> {
        Self::new(session, true, size_max, acquire_timeout)
    }

    fn new(session: Session, for_statements: bool, size_max: u32, acquire_timeout: Duration) -> Arc<Self> {
        let free = Arc::new(Semaphore::new(size_max as usize));
        Arc::new(Self {
            session,
            for_statements,
            size_max,
            acquire_timeout,
            free,
            waiting: AtomicUsize::new(0),
            joining: Mutex::default(),
            idle: Mutex::default(),
        })
    }

    /// A connection, as soon as one is free.
    pub(crate) async fn take(self: &Arc<Self>) -> Result<Lane, Error> {
        let permit = match Arc::clone(&self.free).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait().await?,
        };
        self.with(permit).await
    }

    /// A connection, as soon as one is free or is handed on within its transaction.
    pub(crate) async fn take_or_join(self: &Arc<Self>) -> Result<Lane, Error> {
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
            return self.with(permit).await;
        }
        let (hand, mut handed) = oneshot::channel();
        self.join(hand);
        let permit = tokio::select! {
            biased;
            Ok(lane) = &mut handed => return Ok(lane),
            permit = self.wait() => permit?,
        };
        handed.close();
        // Both at once: the other one stays free.
        match handed.try_recv() {
            Ok(lane) => Ok(lane),
            Err(_) => self.with(permit).await,
        }
    }

    fn join(&self, hand: oneshot::Sender<Lane>) {
        let mut joining = self.joining();
        while joining.front().is_some_and(oneshot::Sender::is_closed) {
            joining.pop_front();
        }
        joining.push_back(hand);
    }

    async fn with(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Result<Lane, Error> {
        let idle = self.idle().pop();
        let is_used = idle.is_some();
        let Idle { mut connection, begun } = match idle {
            Some(idle) => idle,
            None => {
                let connected = self.in_time("connect", self.session.connect()).await?;
                let connection = connected.map_err(not_connected)?;
                Idle { connection, begun: None }
            }
        };
        if self.for_statements {
            let entered = self.session.enter(&mut connection, is_used).await;
            entered.map_err(|error| failed("begin behind the pooler", error))?;
        }
        let group = Group::default();
        Ok(Lane { connection, is_used, begun, group, lanes: Arc::clone(self), _permit: permit })
    }

    async fn wait(&self) -> Result<OwnedSemaphorePermit, Error> {
        let _waiting = Waiting::begin(&self.waiting);
        let permit = self.in_time("wait for a free connection", Arc::clone(&self.free).acquire_owned()).await?;
        permit.map_err(|_| Error::new(Code::ENGINE_UNREACHABLE, "the engine was closed"))
    }

    /// Waits for what is under way, then closes every connection.
    pub(crate) async fn close(&self) {
        let all = timeout(self.acquire_timeout, self.free.acquire_many(self.size_max)).await;
        self.free.close();
        drop(all);
        let idle = std::mem::take(&mut *self.idle());
        for idle in idle {
            // It says good-bye; a server that is gone need not hear it.
            let _ = idle.connection.close().await;
        }
    }

    pub(crate) fn size_max(&self) -> usize {
        self.size_max as usize
    }

    pub(crate) fn acquire_timeout(&self) -> Duration {
        self.acquire_timeout
    }

    async fn in_time<T>(&self, what: &str, waiting: impl Future<Output = T>) -> Result<T, Error> {
        timeout(self.acquire_timeout, waiting).await.map_err(|_| {
            let message = format!("could not {what} within {:?}", self.acquire_timeout);
            Error::new(Code::ENGINE_UNREACHABLE, message)
        })
    }

    fn joining(&self) -> MutexGuard<'_, VecDeque<oneshot::Sender<Lane>>> {
        self.joining.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lane {
    /// Gives a sound connection back.
    pub(crate) fn give_back(self) {
        self.lanes.idle().push(Idle { connection: self.connection, begun: None });
    }

    /// Gives a sound connection back on which a transaction was just begun.
    pub(crate) fn give_back_begun(self, mode: Mode) {
        self.lanes.idle().push(Idle { connection: self.connection, begun: Some((mode, Instant::now())) });
    }

    /// The transaction that was begun on it, if one was, and how long ago.
    pub(crate) fn begun(&self) -> Option<(Mode, Duration)> {
        self.begun.map(|(mode, begun_at)| (mode, begun_at.elapsed()))
    }

    /// Those before us in its open transaction.
    pub(crate) fn group(&mut self) -> &mut Group {
        &mut self.group
    }

    /// Hands the connection on within its transaction, to who has waited longest; back to us when nobody waits.
    pub(crate) fn hand_on(self) -> Result<(), Self> {
        let lanes = Arc::clone(&self.lanes);
        let mut lane = self;
        loop {
            let Some(next) = lanes.joining().pop_front() else { return Err(lane) };
            match next.send(lane) {
                Ok(()) => return Ok(()),
                Err(back) => lane = back,
            }
        }
    }

    /// Whether somebody waits for this connection to come back.
    pub(crate) fn is_wanted(&self) -> bool {
        self.lanes.waiting.load(Ordering::Relaxed) > 0
    }

    /// Gives the connection back if it is still sound after this answer, whatever the answer was.
    pub(crate) async fn done<T>(self, answer: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        match answer {
            Ok(answer) => self.finish().await.map(|()| answer),
            Err(error) if is_broken(&error) => {
                self.lost();
                Err(error)
            }
            // Closing it ends its transaction, too.
            Err(error) if self.lanes.session.is_pooled() => Err(error),
            Err(error) => {
                self.give_back();
                Err(error)
            }
        }
    }

    /// Ends what it was taken for, and gives it back.
    pub(crate) async fn finish(mut self) -> Result<(), sqlx::Error> {
        let left = self.lanes.session.leave(&mut self.connection).await;
        match &left {
            Ok(()) => self.give_back(),
            Err(_) => self.lost(),
        }
        left
    }

    /// A statement that ends in a `BEGIN`, and what else has to be said then.
    pub(crate) fn begun_by(&self, begin: &'static str) -> SqlStr {
        self.lanes.session.begun_by(begin)
    }

    /// Whether it was used before. Then a failure may only mean that it died while it was idle.
    pub(crate) fn is_used(&self) -> bool {
        self.is_used
    }

    /// The connection is gone; those that idle most likely went with it.
    pub(crate) fn lost(self) {
        self.lanes.idle().clear();
    }
}

/// Counts one who waits, for as long as it does.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Deref for Lane {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Lane {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}
