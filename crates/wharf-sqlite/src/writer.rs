//! The one connection that writes, and the task that owns it.
//!
//! Whoever wants to write waits in line for a turn. Turns that follow one another share a transaction, each within a
//! savepoint; it is committed when nobody waits any more, when it has enough members, or when it is old enough. Only then
//! is anybody told. One that fails is rolled back to its savepoint and leaves its neighbours alone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{
    ConnectOptions, Connection, SqlSafeStr, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteTransactionManager as Manager},
};
use sqlx_core::transaction::TransactionManager;
use tokio::sync::{mpsc, oneshot};
use wharf::{
    Code, Error,
    ports::{Ring, Wakeups},
};

use crate::{
    error::{Trouble, failed},
    guard::Guard,
    lock::Lock,
    script::{Ran, Script},
    turn::{Bell, Ended, Ending, How, Returned, Turn},
};

/// How many may wait in line before those who come have to wait outside of it.
const LINE_MAX_REQUESTS: usize = 1_024;
/// A turn longer than this is worth a warning: all others wait for it.
const TURN_WARNING: Duration = Duration::from_secs(10);

/// A handle to the writer. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    line: mpsc::Sender<Request>,
    commits: Arc<AtomicU64>,
}

/// When a shared transaction is committed even though others wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShareCommits {
    pub(crate) max_members: usize,
    pub(crate) max_age: Duration,
}

#[derive(Debug)]
enum Request {
    /// A turn inside the shared transaction.
    Join(Member),
    /// The connection outside of any transaction, for migrations.
    Alone(oneshot::Sender<Result<Turn, Error>>),
    /// The end. Told once the connection is closed.
    Close(oneshot::Sender<()>),
}

#[derive(Debug)]
enum Member {
    /// Wants the connection, to work with it.
    Lend(oneshot::Sender<Result<Turn, Error>>),
    /// Has its statements ready.
    Run(Ending),
}

impl Writer {
    /// Starts the task. The connection is opened at its first use, and anew after a transaction was lost.
    pub(crate) fn start(options: SqliteConnectOptions, share: ShareCommits, wakeups: Arc<Wakeups>, lock: Lock) -> Self {
        let (line, requests) = mpsc::channel(LINE_MAX_REQUESTS);
        let commits = Arc::new(AtomicU64::new(0));
        let task = Task { requests, options, share, wakeups, commits: Arc::clone(&commits), idle: None, _lock: lock };
        tokio::spawn(task.run());
        Self { line, commits }
    }

    /// How many transactions that changed something were committed.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Waits for a turn.
    pub(crate) async fn turn(&self) -> Result<Turn, Error> {
        let (reply, turn) = oneshot::channel();
        self.ask(Request::Join(Member::Lend(reply)), turn).await
    }

    /// Runs a script in a turn of its own.
    pub(crate) async fn run(&self, doing: &'static str, script: Script, bells: Vec<Bell>) -> Result<Ended, Error> {
        let (told, heard) = oneshot::channel();
        self.ask(Request::Join(Member::Run(Ending { doing, script, bells, told })), heard).await
    }

    /// Waits for the connection outside of any transaction. Commits are let through.
    pub(crate) async fn alone(&self) -> Result<Turn, Error> {
        let (reply, turn) = oneshot::channel();
        self.ask(Request::Alone(reply), turn).await
    }

    /// Ends the task once all that wait have had their turn. Who comes later is refused.
    pub(crate) async fn close(&self) {
        let (told, closed) = oneshot::channel();
        if self.line.send(Request::Close(told)).await.is_ok() {
            let _ = closed.await;
        }
    }

    async fn ask<T>(&self, request: Request, reply: oneshot::Receiver<Result<T, Error>>) -> Result<T, Error> {
        let closed = || Error::new(Code::ENGINE_UNREACHABLE, "the database was closed");
        self.line.send(request).await.map_err(|_| closed())?;
        reply.await.map_err(|_| closed())?
    }
}

/// The writer's connection with its guard.
#[derive(Debug)]
struct Guarded {
    connection: SqliteConnection,
    guard: Guard,
}

/// The writer itself.
#[derive(Debug)]
struct Task {
    requests: mpsc::Receiver<Request>,
    options: SqliteConnectOptions,
    share: ShareCommits,
    wakeups: Arc<Wakeups>,
    commits: Arc<AtomicU64>,
    /// The connection between transactions; `None` before the first and after a lost one.
    idle: Option<Guarded>,
    _lock: Lock,
}

impl Task {
    async fn run(mut self) {
        let mut next = self.requests.recv().await;
        let mut closed = None;
        while let Some(request) = next.take() {
            let after = match request {
                Request::Join(first) => self.share(first).await,
                Request::Alone(reply) => {
                    self.lend_alone(reply).await;
                    None
                }
                Request::Close(told) => {
                    self.requests.close();
                    closed = Some(told);
                    None
                }
            };
            next = match after {
                Some(request) => Some(request),
                None => self.requests.recv().await,
            };
        }
        if let Some(Guarded { connection, guard }) = self.idle.take() {
            guard.let_commit(true);
            if let Err(error) = connection.close().await {
                tracing::warn!(%error, "the database did not close cleanly; nothing committed is lost");
            }
        }
        drop(self);
        if let Some(told) = closed {
            let _ = told.send(());
        }
    }

    /// Serves one shared transaction. Returns a request that came meanwhile and cannot be a member of it.
    async fn share(&mut self, first: Member) -> Option<Request> {
        let begun = match self.begin().await {
            Ok(begun) => begun,
            Err(error) => {
                let trouble = Trouble::from_sqlx("begin a transaction", &error);
                first.refuse(&trouble);
                // They would only wait for the same, one after the other.
                return self.refuse_all(&trouble);
            }
        };
        let mut group = Group { open: Some(begun), done: Vec::new() };
        let begun_at = Instant::now();
        let (mut next, mut after) = (Some(first), None);
        while let Some(member) = next.take() {
            group.serve(member).await;
            if group.open.is_none() {
                break;
            }
            if group.done.len() < self.share.max_members && begun_at.elapsed() < self.share.max_age {
                match self.requests.try_recv() {
                    Ok(Request::Join(member)) => next = Some(member),
                    Ok(other @ (Request::Alone(_) | Request::Close(_))) => after = Some(other),
                    Err(_) => {}
                }
            }
        }
        self.idle = group.commit(&self.wakeups, &self.commits).await;
        after
    }

    /// Takes the connection, opening one if need be, and begins: every turn finds its savepoint already open.
    async fn begin(&mut self) -> Result<Guarded, sqlx::Error> {
        let mut guarded = match self.idle.take() {
            Some(guarded) => guarded,
            None => self.connect().await?,
        };
        // Through sqlx's own manager: then a handler's `begin()` on our connection is a savepoint.
        let begun = Manager::begin(&mut guarded.connection, Some(BEGIN.into_sql_str())).await;
        match begun {
            Ok(()) => Ok(guarded),
            Err(error) => {
                // Another program had the lock, most likely; there is nothing wrong with the connection.
                if Manager::get_transaction_depth(&guarded.connection) == 0 && !guarded.guard.lost() {
                    self.idle = Some(guarded);
                }
                Err(error)
            }
        }
    }

    async fn lend_alone(&mut self, reply: oneshot::Sender<Result<Turn, Error>>) {
        let guarded = match self.idle.take() {
            Some(guarded) => guarded,
            None => match self.connect().await {
                Ok(guarded) => guarded,
                Err(error) => {
                    let _ = reply.send(Err(failed("open the database", error)));
                    return;
                }
            },
        };
        let Guarded { connection, guard } = guarded;
        guard.let_commit(true);
        let (turn, returned) = Turn::lend(connection);
        let _ = reply.send(Ok(turn));
        let Ok(Returned { connection, how }) = returned.await else { return };
        guard.let_commit(false);
        let clean = Manager::get_transaction_depth(&connection) == 0 && !guard.lost();
        self.idle = clean.then_some(Guarded { connection, guard });
        match how {
            How::Undo(Some(told)) => drop(told.send(())),
            How::Undo(None) | How::End(_) => {}
        }
    }

    async fn connect(&self) -> Result<Guarded, sqlx::Error> {
        let mut connection = self.options.connect().await?;
        let guard = Guard::on(&mut connection).await?;
        Ok(Guarded { connection, guard })
    }

    /// Refuses all that wait now; returns the first request that is not to be refused.
    fn refuse_all(&mut self, trouble: &Trouble) -> Option<Request> {
        while let Ok(request) = self.requests.try_recv() {
            match request {
                Request::Join(member) => member.refuse(trouble),
                Request::Alone(_) | Request::Close(_) => return Some(request),
            }
        }
        None
    }
}

impl Member {
    fn refuse(self, trouble: &Trouble) {
        match self {
            Self::Lend(reply) => drop(reply.send(Err(trouble.error()))),
            Self::Run(ending) => drop(ending.told.send(Err(trouble.error()))),
        }
    }
}

/// A transaction and those who share it.
#[derive(Debug)]
struct Group {
    /// `None` once the transaction is lost.
    open: Option<Guarded>,
    done: Vec<Done>,
}

/// A member that waits for the commit.
#[derive(Debug)]
struct Done {
    ran: Vec<Ran>,
    /// Whether it changed anything; what a handler did on the connection is taken to have.
    wrote: bool,
    bells: Vec<Bell>,
    told: oneshot::Sender<Result<Ended, Error>>,
}

impl Group {
    /// Gives one member its turn. Afterwards a fresh savepoint is open for the next, or the transaction is lost.
    async fn serve(&mut self, member: Member) {
        let Some(Guarded { connection, guard }) = self.open.take() else { return };
        let (mut connection, how, lent) = match member {
            Member::Run(ending) => (connection, How::End(ending), false),
            Member::Lend(reply) => {
                let (turn, returned) = Turn::lend(connection);
                // One that no longer waits lets its turn fall, and it comes back at once.
                let _ = reply.send(Ok(turn));
                match wait_for(returned).await {
                    Some(Returned { connection, how }) => (connection, how, true),
                    None => return self.lose(&Trouble::new(Code::TRANSACTION_LOST, "the connection was lost")),
                }
            }
        };
        let ended = match how {
            How::End(ending) => self.end(&mut connection, &guard, ending, lent).await,
            How::Undo(told) => {
                let undone = undo(&mut connection, UNDO).await;
                if let Some(told) = told {
                    let _ = told.send(());
                }
                undone
            }
        };
        // A handler that forgot to end a transaction of its own within ours is as bad as one that ended ours.
        let intact = ended.is_ok() && !guard.lost() && Manager::get_transaction_depth(&connection) == 1;
        if intact {
            self.open = Some(Guarded { connection, guard });
        } else {
            let _ = connection.close().await;
            self.lose(&ended.err().unwrap_or_else(vanished));
        }
    }

    /// Runs a member's last statements. `Err` when the transaction is of no more use to anybody.
    async fn end(
        &mut self,
        connection: &mut SqliteConnection,
        guard: &Guard,
        ending: Ending,
        lent: bool,
    ) -> Result<(), Trouble> {
        let Ending { doing, script, bells, told } = ending;
        if guard.lost() {
            let _ = told.send(Err(vanished().error()));
            return Err(vanished());
        }
        match script.read(SAVEPOINT).run(connection).await {
            Ok(ran) if ran.iter().all(Ran::as_expected) => {
                let wrote = lent || ran.iter().any(|ran| ran.changed > 0);
                self.done.push(Done { ran, wrote, bells, told });
                Ok(())
            }
            Ok(_) => {
                let undone = undo(connection, UNDO_ENDED).await;
                let _ = told.send(undone.as_ref().map(|()| Ended::Stale).map_err(Trouble::error));
                undone
            }
            Err(error) => {
                let trouble = Trouble::from_sqlx(doing, &error);
                let _ = told.send(Err(failed(doing, error)));
                // Some errors, such as a full disk, make SQLite give up the whole transaction.
                undo(connection, UNDO).await.map_err(|_| trouble)
            }
        }
    }

    /// Commits, then tells everybody. Returns the connection if it can be used again.
    async fn commit(mut self, wakeups: &Wakeups, commits: &AtomicU64) -> Option<Guarded> {
        let Guarded { mut connection, guard } = self.open.take()?;
        guard.let_commit(true);
        let committed = Manager::commit(&mut connection).await;
        guard.let_commit(false);
        if let Err(error) = committed {
            // Closing rolls back, whatever state the transaction is in.
            let _ = connection.close().await;
            self.lose(&Trouble::from_sqlx("commit", &error));
            return None;
        }
        if self.done.iter().any(|done| done.wrote) {
            commits.fetch_add(1, Ordering::Relaxed);
        }
        for Done { ran, bells, told, .. } in self.done {
            wakeups.wake(bells.iter().map(|(endpoint, delay)| Ring { endpoint, delay: *delay }));
            let _ = told.send(Ok(Ended::Committed(ran)));
        }
        Some(Guarded { connection, guard })
    }

    /// Tells everybody that the transaction is gone, and their work with it.
    fn lose(&mut self, trouble: &Trouble) {
        for done in self.done.drain(..) {
            let _ = done.told.send(Err(trouble.error()));
        }
    }
}

/// Waits for a lent connection; says so when that takes long.
async fn wait_for(mut returned: oneshot::Receiver<Returned>) -> Option<Returned> {
    let mut waited = Duration::ZERO;
    loop {
        match tokio::time::timeout(TURN_WARNING, &mut returned).await {
            Ok(returned) => return returned.ok(),
            Err(_) => {
                waited += TURN_WARNING;
                tracing::warn!(?waited, "a transaction holds the database; all other writes wait for it");
            }
        }
    }
}

async fn undo(connection: &mut SqliteConnection, sql: &str) -> Result<(), Trouble> {
    Script::new().read(sql).run(connection).await.map(drop).map_err(|error| {
        tracing::warn!(%error, "a shared transaction was lost");
        vanished()
    })
}

fn vanished() -> Trouble {
    Trouble::new(Code::TRANSACTION_LOST, "a handler ended the transaction that it shared; nothing of it was committed")
}

/// A savepoint for every turn, one within the other: the innermost is that of the present turn.
const BEGIN: &str = "BEGIN IMMEDIATE; SAVEPOINT wharf_turn";
const SAVEPOINT: &str = "SAVEPOINT wharf_turn";
/// Undoes the present turn and leaves its savepoint to the next.
const UNDO: &str = "ROLLBACK TO wharf_turn";
/// The same for a turn after which the next savepoint was already opened.
const UNDO_ENDED: &str = "RELEASE wharf_turn; ROLLBACK TO wharf_turn";
