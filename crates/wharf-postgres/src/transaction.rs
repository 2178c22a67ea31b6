//! A delivery's transaction, on a connection that is its own for so long.

use std::{any::Any, time::Duration};

use async_trait::async_trait;
use sqlx::{Connection, PgConnection, SqlSafeStr, raw_sql};
use wharf::{
    Code, Error, Outgoing, Tx,
    ports::{Burial, Lease, Receipt, Report, Ring, SagaId, SagaRow, TimerArm, Transaction, Wakeups},
};

use crate::{
    Postgres,
    error::{failed, is_broken},
    history, inbox,
    join::JoinedTransaction,
    lanes::Lane,
    sagas,
    send::rings,
    settle::{Settled, settle_within},
    sharing, timers,
};

/// Begins and marks. The mark is a setting that ends with this very transaction: a `COMMIT` of a handler's own takes it
/// away, and [`settle_within`] notices. Here it costs no round trip.
macro_rules! begin_alone {
    () => {
        "BEGIN; SET LOCAL wharf.transaction = 'open'"
    };
}

/// The same for a transaction that others may join. Nobody is to wait long for a lock while others wait for him, and
/// nobody but wharf is to commit: see `wharf.refuse_commit()`.
macro_rules! begin_shared {
    () => {
        concat!(
            begin_alone!(),
            "; SET LOCAL lock_timeout = '100ms';
             DECLARE wharf_guard NO SCROLL CURSOR WITH HOLD FOR SELECT wharf.refuse_commit(); SAVEPOINT wharf_member"
        )
    };
}

/// Whether a transaction's commit may be shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It is this delivery's alone.
    Alone,
    /// Others may join.
    Shared,
}

impl Mode {
    fn begin(self) -> &'static str {
        match self {
            Self::Alone => begin_alone!(),
            Self::Shared => begin_shared!(),
        }
    }

    fn begin_anew(self) -> &'static str {
        match self {
            Self::Alone => concat!("ROLLBACK; ", begin_alone!()),
            Self::Shared => concat!("ROLLBACK; ", begin_shared!()),
        }
    }

    fn commit(self) -> &'static str {
        match self {
            Self::Alone => "COMMIT",
            Self::Shared => "CLOSE wharf_guard; COMMIT",
        }
    }

    /// For the next who waits already, so that it need not ask.
    fn commit_and_begin(self) -> &'static str {
        match self {
            Self::Alone => concat!("COMMIT; ", begin_alone!()),
            Self::Shared => concat!("CLOSE wharf_guard; COMMIT; ", begin_shared!()),
        }
    }
}

/// The commit of a group, whose guard was closed, and the begin of the next.
pub(crate) const COMMIT_GROUP_AND_BEGIN: &str = concat!("COMMIT; ", begin_shared!());

/// A transaction begun ahead is begun anew when it was not taken this soon: `now()` tells a handler when it began.
const BEGUN_AHEAD_MAX: Duration = Duration::from_millis(5);

/// An open transaction. Dropping it closes the connection, and the server rolls it back.
#[derive(Debug)]
pub(crate) struct PostgresTransaction {
    engine: Postgres,
    lane: Lane,
    mode: Mode,
    /// Whether the timer task is to be woken after the commit.
    arms: bool,
}

/// Opens a [`Tx`] as one of PostgreSQL.
#[async_trait]
pub trait PostgresTx {
    /// The connection, in its transaction. A `begin()` on it is a savepoint. Never run `COMMIT` or `ROLLBACK` on it, and
    /// return the errors of your statements: after one that failed, PostgreSQL commits nothing. Where commits are
    /// shared, [`share_commits`](crate::PostgresOptions::share_commits) says what else to mind.
    ///
    /// # Errors
    /// `W0017` when no connection can be had; `W0026` when the worker runs on another engine.
    async fn postgres(&mut self) -> Result<&mut PgConnection, Error>;
}

#[async_trait]
impl PostgresTx for Tx {
    async fn postgres(&mut self) -> Result<&mut PgConnection, Error> {
        let open = self.open().await?.as_any();
        if open.is::<JoinedTransaction>() {
            // Asked twice, as a borrow that is returned from one branch would last through the other.
            return open.downcast_mut().map(JoinedTransaction::connection).ok_or_else(wrong_engine);
        }
        open.downcast_mut().map(|ours: &mut PostgresTransaction| &mut *ours.lane).ok_or_else(wrong_engine)
    }
}

fn wrong_engine() -> Error {
    Error::new(Code::WRONG_ENGINE, "this worker does not run on PostgreSQL")
}

impl PostgresTransaction {
    pub(crate) async fn begin(engine: &Postgres, mode: Mode) -> Result<Self, Error> {
        loop {
            let mut lane = match mode {
                Mode::Alone => engine.lanes().take().await?,
                Mode::Shared => engine.lanes().take_or_join().await?,
            };
            match open(&mut lane, mode).await {
                Ok(()) => return Ok(Self { engine: engine.clone(), lane, mode, arms: false }),
                // The server went away while the connection idled; a fresh one will tell whether it is back.
                Err(error) if is_broken(&error) && lane.is_used() => lane.lost(),
                Err(error) => return Err(failed("begin a transaction", error)),
            }
        }
    }

    /// The last statement, its check, and the commit. `false` when the lease was not ours.
    async fn end(mut self, lease: Option<Lease>, outgoing: &[Outgoing]) -> Result<bool, Error> {
        if self.mode == Mode::Shared && (!self.lane.group().is_empty() || self.lane.is_wanted()) {
            return sharing::end(&self.engine, self.lane, lease, outgoing, self.arms).await;
        }
        match settle_within(&mut self.lane, lease, outgoing).await {
            Ok(Settled::Ready) => {}
            Ok(Settled::Stale) => {
                self.undo().await?;
                return Ok(false);
            }
            Ok(Settled::Lost) => {
                let message = "the transaction was ended by a statement of the handler's own";
                return Err(Error::new(Code::TRANSACTION_LOST, message));
            }
            Err(error) => {
                self.undo().await?;
                return Err(error);
            }
        }
        let wanted = self.lane.is_wanted();
        let commit = match wanted {
            true => self.lane.begun_by(self.mode.commit_and_begin()),
            false => self.mode.commit().into_sql_str(),
        };
        raw_sql(commit).execute(&mut *self.lane).await.map_err(|error| failed("commit", error))?;
        let timers = self.arms.then_some(Ring::from(Wakeups::TIMERS));
        self.engine.committed(rings(outgoing).chain(timers));
        if wanted {
            self.lane.give_back_begun(self.mode);
        } else {
            self.lane.give_back();
        }
        Ok(true)
    }

    async fn undo(mut self) -> Result<(), Error> {
        if !self.lane.group().is_empty() {
            return sharing::leave(&self.engine, self.lane).await;
        }
        raw_sql("ROLLBACK").execute(&mut *self.lane).await.map_err(|error| failed("roll back", error))?;
        self.lane.give_back();
        Ok(())
    }
}

/// Opens a transaction on a connection that sqlx takes to be within one for as long as it lives.
///
/// So a handler's `begin()` is always a savepoint, and never a `BEGIN` whose `COMMIT` would be ours. sqlx is told once,
/// by the first transaction, whose guard is forgotten: it borrows the connection, and could not outlive this call.
async fn open(lane: &mut Lane, mode: Mode) -> Result<(), sqlx::Error> {
    if !lane.group().is_empty() {
        return Ok(());
    }
    let begin = match lane.begun() {
        Some((begun, ago)) if begun == mode && ago < BEGUN_AHEAD_MAX => return Ok(()),
        Some(_) => mode.begin_anew(),
        None if lane.is_used() => mode.begin(),
        None => {
            let begin = lane.begun_by(mode.begin());
            std::mem::forget(lane.begin_with(begin).await?);
            return Ok(());
        }
    };
    raw_sql(lane.begun_by(begin)).execute(&mut **lane).await?;
    Ok(())
}

#[async_trait]
impl Transaction for PostgresTransaction {
    async fn saga(&mut self, id: &SagaId) -> Result<Option<SagaRow>, Error> {
        sagas::find_and_hold(&mut self.lane, id).await
    }

    async fn save_saga(&mut self, row: &SagaRow) -> Result<(), Error> {
        sagas::save(&mut self.lane, row).await
    }

    async fn arm(&mut self, timer: &TimerArm) -> Result<(), Error> {
        self.arms = true;
        timers::arm(&mut self.lane, timer).await
    }

    async fn disarm(&mut self, id: &SagaId, name: &str) -> Result<Option<i64>, Error> {
        timers::disarm(&mut self.lane, id, name).await
    }

    async fn timer(&mut self, id: &SagaId, name: &str) -> Result<Option<i64>, Error> {
        timers::generation(&mut self.lane, id, name).await
    }

    async fn note(&mut self, receipts: &[Receipt]) -> Result<Vec<bool>, Error> {
        inbox::note(&mut self.lane, receipts).await
    }

    async fn bury(&mut self, burials: &[Burial]) -> Result<(), Error> {
        inbox::bury(&mut self.lane, burials).await
    }

    async fn report(&mut self, lease: Lease, report: &Report) -> Result<(), Error> {
        history::report_within(&mut self.lane, lease, report).await
    }

    async fn settle(self: Box<Self>, lease: Lease, outgoing: &[Outgoing]) -> Result<bool, Error> {
        self.end(Some(lease), outgoing).await
    }

    async fn commit(self: Box<Self>, outgoing: &[Outgoing]) -> Result<(), Error> {
        self.end(None, outgoing).await.map(|_| ())
    }

    fn is_price_of_sharing(&self, failure: &(dyn std::error::Error + 'static)) -> bool {
        self.mode == Mode::Shared && sharing::met_a_lock(failure)
    }

    async fn rollback(self: Box<Self>) -> Result<(), Error> {
        self.undo().await
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}
