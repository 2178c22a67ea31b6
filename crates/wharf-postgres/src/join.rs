//! Publishing within a transaction that the application opened itself.

use std::any::Any;

use async_trait::async_trait;
use sqlx::PgConnection;
use wharf::{
    Client, Code, Error, Message, Outgoing, Tenant, UnitOfWork,
    ports::{Burial, Engine, Lease, Receipt, Report, Ring, SagaId, SagaRow, TimerArm, Transaction, Wakeups},
};

use crate::{
    Postgres,
    error::failed,
    history, inbox, sagas,
    send::{rings, send_within},
    timers,
};

/// A transaction of sqlx's, from a pool of the application's own.
type Theirs = sqlx::Transaction<'static, sqlx::Postgres>;

/// Lets a [`Client`] publish within transactions that the application opened on a pool of its own, in the database that
/// the worker runs on. What is published leaves if, and only if, that transaction commits.
///
/// ```no_run
/// # use wharf::{Client, Message, Tenant};
/// # use wharf_postgres::JoinPostgres;
/// # async fn place<OrderPlaced: Message>(pool: sqlx::PgPool, wharf: Client, placed: OrderPlaced) -> Result<(), Box<dyn std::error::Error>> {
/// let mut tx = pool.begin().await?;
/// sqlx::query("INSERT INTO orders …").execute(&mut *tx).await?;
/// let work = wharf.join(&Tenant::default(), tx)?; // the transaction goes on as this unit of work
/// work.bus.publish(placed);
/// work.commit().await?;                           // commits both, then wakes the workers
/// # Ok(()) }
/// ```
///
/// Whoever does not hold the transaction itself, but only the connection that it runs on, publishes with
/// [`publish_in`](JoinPostgres::publish_in).
#[async_trait]
pub trait JoinPostgres {
    /// Goes on with a transaction as a unit of work: [`UnitOfWork::commit`] writes what was published as its last
    /// statement, commits, and wakes the workers, here and elsewhere. Dropping the unit of work rolls it back.
    ///
    /// # Errors
    /// `W0026` when the client's worker does not run on PostgreSQL.
    fn join(&self, tenant: &Tenant, transaction: Theirs) -> Result<UnitOfWork, Error>;

    /// Publishes an event within the transaction that is open on this connection, and leaves its commit to others.
    ///
    /// Nobody is told of that commit: workers find the event when they next look, within
    /// [`Limits::fallback_poll`](wharf::Limits::fallback_poll), 1 s by default. A `NOTIFY` in the transaction itself would
    /// wake them sooner, but makes every commit that holds one wait for all others of the whole server; see
    /// [`JoinPostgres::join`] for publishing without delay.
    ///
    /// # Errors
    /// When the message cannot be written or the database does not take it; nothing more can be done in the transaction
    /// then.
    async fn publish_in<M: Message>(
        &self,
        connection: &mut PgConnection,
        tenant: &Tenant,
        event: M,
    ) -> Result<(), Error>;

    /// Sends a command as [`publish_in`](JoinPostgres::publish_in) publishes an event.
    ///
    /// # Errors
    /// Those of `publish_in`, and `W0013` when nobody consumes the command.
    async fn send_in<M: Message>(
        &self,
        connection: &mut PgConnection,
        tenant: &Tenant,
        command: M,
    ) -> Result<(), Error>;
}

#[async_trait]
impl JoinPostgres for Client {
    fn join(&self, tenant: &Tenant, transaction: Theirs) -> Result<UnitOfWork, Error> {
        self.join_with(tenant, |engine| Ok(Box::new(JoinedTransaction::on(engine, transaction)?)))
    }

    async fn publish_in<M: Message>(
        &self,
        connection: &mut PgConnection,
        tenant: &Tenant,
        event: M,
    ) -> Result<(), Error> {
        let work = self.begin(tenant)?;
        work.bus.publish(event);
        send_within(connection, &work.into_outgoing()?).await.map(drop)
    }

    async fn send_in<M: Message>(
        &self,
        connection: &mut PgConnection,
        tenant: &Tenant,
        command: M,
    ) -> Result<(), Error> {
        let work = self.begin(tenant)?;
        work.bus.send(command);
        send_within(connection, &work.into_outgoing()?).await.map(drop)
    }
}

/// The application's transaction, for as long as it is also a unit of work. Dropping it rolls back.
#[derive(Debug)]
pub(crate) struct JoinedTransaction {
    engine: Postgres,
    transaction: Theirs,
    /// Whether the timer task is to be woken after the commit.
    arms: bool,
}

impl JoinedTransaction {
    fn on(engine: &dyn Engine, transaction: Theirs) -> Result<Self, Error> {
        let engine: &dyn Any = engine;
        let Some(engine) = engine.downcast_ref::<Postgres>() else {
            return Err(Error::new(Code::WRONG_ENGINE, "the worker of this client does not run on PostgreSQL"));
        };
        Ok(Self { engine: engine.clone(), transaction, arms: false })
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }
}

#[async_trait]
impl Transaction for JoinedTransaction {
    async fn saga(&mut self, id: &SagaId) -> Result<Option<SagaRow>, Error> {
        sagas::find_and_hold(&mut self.transaction, id).await
    }

    async fn save_saga(&mut self, row: &SagaRow) -> Result<(), Error> {
        sagas::save(&mut self.transaction, row).await
    }

    async fn arm(&mut self, timer: &TimerArm) -> Result<(), Error> {
        self.arms = true;
        timers::arm(&mut self.transaction, timer).await
    }

    async fn disarm(&mut self, id: &SagaId, name: &str) -> Result<Option<i64>, Error> {
        timers::disarm(&mut self.transaction, id, name).await
    }

    async fn timer(&mut self, id: &SagaId, name: &str) -> Result<Option<i64>, Error> {
        timers::generation(&mut self.transaction, id, name).await
    }

    /// No delivery is handled in a transaction of the application's, so there is none to note; the statement refuses one
    /// that wharf did not open.
    async fn note(&mut self, receipts: &[Receipt]) -> Result<Vec<bool>, Error> {
        inbox::note(&mut self.transaction, receipts).await
    }

    async fn bury(&mut self, burials: &[Burial]) -> Result<(), Error> {
        inbox::bury(&mut self.transaction, burials).await
    }

    async fn report(&mut self, lease: Lease, report: &Report) -> Result<(), Error> {
        history::report_within(&mut self.transaction, lease, report).await
    }

    /// No delivery was claimed for a transaction of the application's, so none can be ours to settle in it.
    async fn settle(self: Box<Self>, _: Lease, _: &[Outgoing]) -> Result<bool, Error> {
        self.rollback().await?;
        Ok(false)
    }

    async fn commit(mut self: Box<Self>, outgoing: &[Outgoing]) -> Result<(), Error> {
        // Run without messages, too: after an error that was swallowed, PostgreSQL answers a COMMIT by rolling back, and
        // says so only to the statement before.
        send_within(&mut self.transaction, outgoing).await?;
        self.transaction.commit().await.map_err(|error| failed("commit", error))?;
        let timers = self.arms.then_some(Ring::from(Wakeups::TIMERS));
        self.engine.committed(rings(outgoing).chain(timers));
        Ok(())
    }

    async fn rollback(self: Box<Self>) -> Result<(), Error> {
        self.transaction.rollback().await.map_err(|error| failed("roll back", error))
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}
