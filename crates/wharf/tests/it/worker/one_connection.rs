//! An engine whose connections are all in use: what waits for one must not keep another from being given back.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::{Mutex, Semaphore};
use wharf::{
    Clock, DeadLetter, DeadLetterFilter, Depth, Error, Memory, Module, Msg, Outgoing, Result, SagaFilter, SagaId,
    SagaRecord, SagaRow, State, Tenant,
    ports::{
        Cancellation, Claim, Claimed, Declaration, Declared, Ending, Fired, History, JobType, Lease, Retention, Round,
        ScheduleChange, Settlement, Signals, Store, StoredSchedule, StoredSubscription, Subscription, Ticked,
        Transaction, Transport, Wakeups,
    },
    testing::ManualClock,
};

use super::{Gate, Job, Running, gate, turns, until};

/// Memory behind one connection, which claims and renewals hand to each other. A claim that has it waits to be let on.
#[derive(Debug, Clone)]
struct OneConnection {
    memory: Memory,
    connection: Arc<Mutex<()>>,
    claims: Arc<Semaphore>,
}

async fn pass(Msg(job): Msg<Job>, State(gate): State<Gate>) -> Result {
    gate.pass(job.n).await;
    Ok(())
}

#[tokio::test]
async fn a_renewal_that_waits_for_a_connection_lets_the_claim_that_has_it_end() {
    let clock = ManualClock::new();
    let engine = OneConnection {
        memory: Memory::with_clock(clock.clone()),
        connection: Arc::default(),
        claims: Arc::new(Semaphore::new(0)),
    };
    let (gate, mut keeper) = gate();
    let running =
        Running::start(engine, clock, |worker| worker.module(Module::new("m", gate).consume("work", pass))).await;
    let claims = Arc::clone(&running.engine.claims);
    let a_claim_waits = async || running.engine.connection.try_lock().is_err();

    until("the first claim has the connection", a_claim_waits).await;
    running.send([1]).await;
    claims.add_permits(1);
    assert_eq!(keeper.next().await, 1);
    until("another claim has the connection", a_claim_waits).await;

    // A third of the lease later job 1, still in work, is to be renewed.
    running.clock.wind(Duration::from_secs(10));
    turns().await;
    running.send([2]).await;
    claims.add_permits(100);
    until("job 2 begins", async || keeper.began.try_recv() == Ok(2)).await;
    keeper.let_pass(2);
    running.stop().await;
}

#[async_trait]
impl Transport for OneConnection {
    async fn claim(&self, claim: &Claim<'_>) -> Result<Claimed, Error> {
        let _connection = self.connection.lock().await;
        self.claims.acquire().await.unwrap().forget();
        self.memory.claim(claim).await
    }

    async fn renew(&self, leases: &[Lease], length: Duration) -> Result<Vec<Lease>, Error> {
        let _connection = self.connection.lock().await;
        self.memory.renew(leases, length).await
    }

    async fn settle(&self, batch: &[Settlement]) -> Result<Vec<bool>, Error> {
        self.memory.settle(batch).await
    }

    async fn send(&self, batch: &[Outgoing]) -> Result<(), Error> {
        self.memory.send(batch).await
    }

    async fn depth(&self) -> Result<Vec<Depth>, Error> {
        self.memory.depth().await
    }

    fn wakeups(&self) -> &Wakeups {
        self.memory.wakeups()
    }
}

#[async_trait]
impl Store for OneConnection {
    async fn begin(&self) -> Result<Box<dyn Transaction>, Error> {
        self.memory.begin().await
    }

    async fn fire_timers(&self, max: usize) -> Result<Fired, Error> {
        self.memory.fire_timers(max).await
    }

    async fn dead_letters(&self, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, Error> {
        self.memory.dead_letters(filter).await
    }

    async fn count_dead_letters(&self, max: u64) -> Result<u64, Error> {
        self.memory.count_dead_letters(max).await
    }

    async fn redrive(&self, filter: &DeadLetterFilter) -> Result<u64, Error> {
        self.memory.redrive(filter).await
    }

    async fn redriven(&self, rounds: &[Round]) -> Result<(), Error> {
        self.memory.redriven(rounds).await
    }

    async fn discard(&self, filter: &DeadLetterFilter) -> Result<u64, Error> {
        self.memory.discard(filter).await
    }

    async fn saga(&self, id: &SagaId) -> Result<Option<SagaRow>, Error> {
        Store::saga(&self.memory, id).await
    }

    async fn sagas(&self, filter: &SagaFilter) -> Result<Vec<SagaRecord>, Error> {
        self.memory.sagas(filter).await
    }

    async fn endings(&self, rounds: &[Round]) -> Result<Vec<Option<Ending>>, Error> {
        self.memory.endings(rounds).await
    }

    async fn hold_alone(&self, round: &Round) -> Result<u32, Error> {
        self.memory.hold_alone(round).await
    }

    async fn let_go(&self, rounds: &[Round]) -> Result<(), Error> {
        self.memory.let_go(rounds).await
    }

    async fn prune_inbox(&self, ended_before: Duration, max: usize) -> Result<u64, Error> {
        self.memory.prune_inbox(ended_before, max).await
    }

    async fn declare(&self, declaration: &Declaration) -> Result<Declared, Error> {
        Store::declare(&self.memory, declaration).await
    }

    async fn subscriptions(&self) -> Result<Vec<StoredSubscription>, Error> {
        Store::subscriptions(&self.memory).await
    }

    async fn confirm(&self, subscriptions: &[Subscription]) -> Result<(), Error> {
        Store::confirm(&self.memory, subscriptions).await
    }

    async fn retire(&self, endpoint: &str, message: &str, max: usize) -> Result<u64, Error> {
        Store::retire(&self.memory, endpoint, message, max).await
    }

    async fn cancel(&self, cancellation: &Cancellation) -> Result<u64, Error> {
        Store::cancel(&self.memory, cancellation).await
    }

    async fn fire_schedule(&self, tenant: &Tenant, name: &str, outgoing: &[Outgoing]) -> Result<Option<Ticked>, Error> {
        Store::fire_schedule(&self.memory, tenant, name, outgoing).await
    }

    async fn change_schedule(
        &self,
        tenant: &Tenant,
        name: &str,
        change: &ScheduleChange,
        who: &str,
    ) -> Result<Option<StoredSchedule>, Error> {
        Store::change_schedule(&self.memory, tenant, name, change, who).await
    }

    async fn job_types(&self) -> Result<Vec<JobType>, Error> {
        Store::job_types(&self.memory).await
    }

    async fn schedules(&self) -> Result<Vec<StoredSchedule>, Error> {
        Store::schedules(&self.memory).await
    }

    async fn prune(&self, retention: &Retention, max: usize) -> Result<u64, Error> {
        Store::prune(&self.memory, retention, max).await
    }

    async fn ping(&self) -> Result<(), Error> {
        self.memory.ping().await
    }

    fn signals(&self) -> Arc<dyn Signals> {
        self.memory.signals()
    }

    fn history(&self) -> Arc<dyn History> {
        self.memory.history()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.memory.clock()
    }
}
