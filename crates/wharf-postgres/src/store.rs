//! The port that keeps state, on PostgreSQL.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use wharf::{
    Clock, DeadLetter, DeadLetterFilter, Error, Outgoing, SagaFilter, SagaId, SagaRecord, SagaRow, Tenant,
    ports::{
        Cancellation, Declaration, Declared, Ending, Fired, History, JobType, Retention, Round, ScheduleChange,
        Signals, Store, StoredSchedule, StoredSubscription, Subscription, Tick, Ticked, Transaction, Transactions,
    },
};

use crate::{
    Postgres, dead_letters,
    error::failed,
    inbox, prune, sagas, schedules,
    signals::PostgresSignals,
    subscriptions, survivors, timers,
    transaction::{Mode, PostgresTransaction},
};

#[async_trait]
impl Store for Postgres {
    async fn begin(&self) -> Result<Box<dyn Transaction>, Error> {
        let mode = if self.share().members_max > 1 { Mode::Shared } else { Mode::Alone };
        Ok(Box::new(PostgresTransaction::begin(self, mode).await?))
    }

    async fn begin_alone(&self) -> Result<Box<dyn Transaction>, Error> {
        Ok(Box::new(PostgresTransaction::begin(self, Mode::Alone).await?))
    }

    async fn fire_timers(&self, max: usize) -> Result<Fired, Error> {
        timers::fire(self, max).await
    }

    async fn dead_letters(&self, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, Error> {
        dead_letters::find(self, filter).await
    }

    async fn count_dead_letters(&self, max: u64) -> Result<u64, Error> {
        dead_letters::count(self, max).await
    }

    fn transactions(&self) -> Option<Transactions> {
        let (open_max, wait_max) = (self.lanes().size_max(), self.lanes().acquire_timeout());
        Some(Transactions { open_max, wait_max })
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
        sagas::find(self.pool(), id).await
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
        let answer = sqlx::query("SELECT 1").execute(self.pool()).await;
        answer.map(|_| ()).map_err(|error| failed("ping the database", error))
    }

    fn signals(&self) -> Arc<dyn Signals> {
        Arc::new(PostgresSignals(self.clone()))
    }

    fn history(&self) -> Arc<dyn History> {
        Arc::new(self.clone())
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(Postgres::clock(self))
    }

    #[cfg(feature = "testing")]
    async fn wind_to(&self, now: wharf::Timestamp) -> Result<(), Error> {
        // A number of our own is all that is put in.
        let stand_still = sqlx::AssertSqlSafe(format!(
            "CREATE OR REPLACE FUNCTION wharf.wharf_now() RETURNS BIGINT LANGUAGE sql VOLATILE AS 'SELECT {}::BIGINT'",
            now.as_micros()
        ));
        let mut lane = self.post().take().await?;
        let wound = sqlx::query(stand_still).execute(&mut *lane).await;
        lane.done(wound).await.map(|_| ()).map_err(|error| failed("wind the database's clock", error))
    }
}
