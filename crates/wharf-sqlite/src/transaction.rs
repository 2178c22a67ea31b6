//! A delivery's transaction: a turn at the writer's connection.

use std::{any::Any, fmt};

use async_trait::async_trait;
use sqlx::SqliteConnection;
use wharf::{
    Code, Error, Outgoing, Timestamp, Tx,
    ports::{Burial, Lease, Receipt, Report, SagaId, SagaRow, TimerArm, Transaction, Wakeups},
};

use crate::{
    deliveries,
    engine::Sqlite,
    error::failed,
    history, inbox, sagas,
    script::{Ran, Script},
    timers,
    turn::{Ended, Turn, at_once},
};

/// Opens a [`Tx`] as one of SQLite.
#[async_trait]
pub trait SqliteTx {
    /// The connection, inside this delivery's transaction. What is written through it is committed with the
    /// settlement and the messages, or not at all. A `begin()` on it is a savepoint.
    ///
    /// It is the only connection that writes: every other write waits until the handler is done, and one that waits
    /// for another write while it holds this waits for ever. A statement whose error is ignored has done nothing, and
    /// the others of the transaction still count. A handler's own `COMMIT` or `ROLLBACK` is noticed, and nothing of its
    /// delivery is kept. A *deferred* foreign key is checked only at the commit, which others share: use immediate ones.
    ///
    /// # Errors
    /// `W0026` when the worker runs on another engine; `W0017` when the database does not answer.
    async fn sqlite(&mut self) -> Result<&mut SqliteConnection, Error>;
}

#[async_trait]
impl SqliteTx for Tx {
    async fn sqlite(&mut self) -> Result<&mut SqliteConnection, Error> {
        let transaction: &mut dyn Transaction = self.open().await?;
        let ours: Option<&mut SqliteTransaction> = transaction.as_any().downcast_mut();
        ours.ok_or_else(|| Error::new(Code::WRONG_ENGINE, "this worker does not run on SQLite"))?.turn.connection()
    }
}

/// An open transaction of this engine.
pub(crate) struct SqliteTransaction {
    engine: Sqlite,
    turn: Turn,
    /// Armed with the last statements, which saves a call for each.
    to_arm: Vec<TimerArm>,
    /// Told with the last statements, before the delivery goes.
    to_tell: Option<(Lease, Report)>,
    /// Whether there is a timer to wake up for.
    armed: bool,
}

impl SqliteTransaction {
    pub(crate) fn new(engine: Sqlite, turn: Turn) -> Self {
        Self { engine, turn, to_arm: Vec::new(), to_tell: None, armed: false }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.engine.now()
    }

    /// Runs a script within the transaction, after what was put off.
    pub(crate) async fn run(&mut self, doing: &'static str, script: Script) -> Result<Vec<Ran>, Error> {
        if !self.to_arm.is_empty() {
            let arm = self.arm_all(Script::new())?;
            self.to_arm.clear();
            arm.run(self.turn.connection()?).await.map_err(|error| failed("arm timers", error))?;
        }
        script.run(self.turn.connection()?).await.map_err(|error| failed(doing, error))
    }

    fn arm_all(&self, script: Script) -> Result<Script, Error> {
        self.to_arm.iter().try_fold(script, |script, timer| timers::arm(script, timer, self.now()))
    }

    async fn end(self, doing: &'static str, script: Script, outgoing: &[Outgoing]) -> Result<Ended, Error> {
        let script = deliveries::send(self.arm_all(script)?, outgoing, self.now())?;
        let mut bells = deliveries::bells(outgoing);
        if self.armed {
            bells.push(at_once(Wakeups::TIMERS));
        }
        self.turn.end(doing, script, bells).await
    }
}

#[async_trait]
impl Transaction for SqliteTransaction {
    async fn saga(&mut self, id: &SagaId) -> Result<Option<SagaRow>, Error> {
        sagas::find(self.turn.connection()?, id).await
    }

    async fn save_saga(&mut self, row: &SagaRow) -> Result<(), Error> {
        sagas::save(self, row).await
    }

    async fn arm(&mut self, timer: &TimerArm) -> Result<(), Error> {
        self.armed = true;
        self.to_arm.push(timer.clone());
        Ok(())
    }

    async fn disarm(&mut self, id: &SagaId, name: &str) -> Result<Option<i64>, Error> {
        timers::disarm(self, id, name).await
    }

    async fn timer(&mut self, id: &SagaId, name: &str) -> Result<Option<i64>, Error> {
        timers::generation(self, id, name).await
    }

    async fn note(&mut self, receipts: &[Receipt]) -> Result<Vec<bool>, Error> {
        inbox::note(self, receipts).await
    }

    async fn bury(&mut self, burials: &[Burial]) -> Result<(), Error> {
        inbox::bury(self, burials).await
    }

    async fn report(&mut self, lease: Lease, report: &Report) -> Result<(), Error> {
        self.to_tell = Some((lease, report.clone()));
        Ok(())
    }

    async fn settle(self: Box<Self>, lease: Lease, outgoing: &[Outgoing]) -> Result<bool, Error> {
        let told = self.to_tell.iter().map(|(lease, report)| (*lease, report));
        let script =
            history::tell(Script::new(), told, self.now())?.write_exactly(1, SETTLE).bind(lease.id).bind(lease.epoch);
        match self.end("settle a delivery with its transaction", script, outgoing).await? {
            Ended::Committed(_) => Ok(true),
            Ended::Stale => Ok(false),
        }
    }

    async fn commit(self: Box<Self>, outgoing: &[Outgoing]) -> Result<(), Error> {
        self.end("commit a unit of work", Script::new(), outgoing).await?.committed().map(drop)
    }

    async fn rollback(self: Box<Self>) -> Result<(), Error> {
        self.turn.undo().await;
        Ok(())
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

/// The acknowledgement: gone, if it is still held under this epoch.
const SETTLE: &str = "DELETE FROM wharf_deliveries WHERE id = ? AND epoch = ? AND held = 1";

impl fmt::Debug for SqliteTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteTransaction").finish_non_exhaustive()
    }
}
