//! Keeping state: transactions, timers, dead letters, sagas.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use wharf::{
    Clock, DeadLetter, DeadLetterFilter, Error, Outgoing, SagaFilter, SagaId, SagaRecord, SagaRow, Tenant,
    ports::{
        Cancellation, Declaration, Declared, Ending, Fired, History, JobType, Retention, Round, ScheduleChange,
        Signals, Store, StoredSchedule, StoredSubscription, Subscription, Tick, Ticked, Transaction,
    },
};

use crate::{
    dead_letters, engine::Sqlite, error::failed, inbox, prune, sagas, schedules, subscriptions, survivors, timers,
    transaction::SqliteTransaction,
};

#[async_trait]
impl Store for Sqlite {
    async fn begin(&self) -> Result<Box<dyn Transaction>, Error> {
        let turn = self.writer().turn().await?;
        Ok(Box::new(SqliteTransaction::new(self.clone(), turn)))
    }

    async fn fire_timers(&self, max: usize) -> Result<Fired, Error> {
        timers::fire(self, max).await
    }

    async fn dead_letters(&self, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, Error> {
        dead_letters::list(self, filter).await
    }

    async fn count_dead_letters(&self, max: u64) -> Result<u64, Error> {
        dead_letters::count(self, max).await
    }

    async fn redrive(&self, filter: &DeadLetterFilter) -> Result<u64, Error> {
        dead_letters::redrive(self, filter).await
    }

    async fn redriven(&self, rounds: &[Round]) -> Result<(), Error> {
        dead_letters::redriven(self, rounds).await
    }

    async fn discard(&self, filter: &DeadLetterFilter) -> Result<u64, Error> {
        dead_letters::discard(self, filter).await
    }

    async fn saga(&self, id: &SagaId) -> Result<Option<SagaRow>, Error> {
        let mut reader = self.read_pool().acquire().await.map_err(|error| failed("read a saga", error))?;
        sagas::find(&mut reader, id).await
    }

    async fn sagas(&self, filter: &SagaFilter) -> Result<Vec<SagaRecord>, Error> {
        sagas::list(self, filter).await
    }

    async fn endings(&self, rounds: &[Round]) -> Result<Vec<Option<Ending>>, Error> {
        inbox::endings(self, rounds).await
    }

    async fn hold_alone(&self, round: &Round) -> Result<u32, Error> {
        survivors::hold_alone(self, round).await
    }

    async fn let_go(&self, rounds: &[Round]) -> Result<(), Error> {
        survivors::let_go(self, rounds).await
    }

    async fn prune_inbox(&self, ended_before: Duration, max: usize) -> Result<u64, Error> {
        inbox::prune(self, ended_before, max).await
    }

    async fn declare(&self, declaration: &Declaration) -> Result<Declared, Error> {
        subscriptions::declare(self, declaration).await
    }

    async fn job_types(&self) -> Result<Vec<JobType>, Error> {
        subscriptions::job_types(self).await
    }

    async fn subscriptions(&self) -> Result<Vec<StoredSubscription>, Error> {
        subscriptions::list(self).await
    }

    async fn confirm(&self, subscriptions: &[Subscription]) -> Result<(), Error> {
        subscriptions::confirm(self, subscriptions).await
    }

    async fn retire(&self, endpoint: &str, message: &str, max: usize) -> Result<u64, Error> {
        subscriptions::retire(self, endpoint, message, max).await
    }

    async fn cancel(&self, cancellation: &Cancellation) -> Result<u64, Error> {
        dead_letters::cancel(self, cancellation).await
    }

    async fn fire_schedule(&self, tenant: &Tenant, name: &str, outgoing: &[Outgoing]) -> Result<Option<Ticked>, Error> {
        schedules::fire(self, tenant, name, outgoing).await
    }

    async fn fire_schedules(&self, ticks: &[Tick]) -> Result<Vec<Option<Ticked>>, Error> {
        schedules::fire_together(self, ticks).await
    }

    async fn change_schedule(
        &self,
        tenant: &Tenant,
        name: &str,
        change: &ScheduleChange,
        who: &str,
    ) -> Result<Option<StoredSchedule>, Error> {
        schedules::change(self, tenant, name, change, who).await
    }

    async fn schedules(&self) -> Result<Vec<StoredSchedule>, Error> {
        schedules::list(self).await
    }

    async fn prune(&self, retention: &Retention, max: usize) -> Result<u64, Error> {
        prune::prune(self, retention, max).await
    }

    async fn ping(&self) -> Result<(), Error> {
        // Through the writer: a file that can be read but not written is of no use to a worker.
        self.writer().turn().await?.undo().await;
        Ok(())
    }

    fn signals(&self) -> Arc<dyn Signals> {
        Arc::clone(Sqlite::signals(self)) as Arc<dyn Signals>
    }

    fn history(&self) -> Arc<dyn History> {
        Arc::new(self.clone())
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.time()
    }
}
