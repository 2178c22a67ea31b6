//! An engine that fails now and then, by seed: before a call, which then never happened, or after it, when only the
//! answer is lost.

use std::{
    any::Any,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    Clock, Code, DeadLetter, DeadLetterFilter, Depth, Error, Outgoing, SagaFilter, SagaId, SagaRecord, SagaRow, Tenant,
    Timestamp,
    ports::{
        Burial, Cancellation, Claim, Claimed, Declaration, Declared, Ending, Fired, History, JobType, Lease, Receipt,
        Report, Retention, Round, ScheduleChange, Settlement, Signals, Store, StoredSchedule, StoredSubscription,
        Subscription, Ticked, TimerArm, Transaction, Transactions, Transport, Wakeups,
    },
};

/// An engine, or only a transport, whose port calls fail now and then. The same seed fails the same calls, as long as they come in the same
/// order. Clones share their seed.
///
/// ```
/// # use wharf::{Memory, testing::{Faulty, ManualClock}};
/// # let (clock, seed) = (ManualClock::new(), 7);
/// let engine = Faulty::new(Memory::with_clock(clock.clone()), seed).rate(0.2);
/// ```
#[derive(Debug, Clone)]
pub struct Faulty<E> {
    inner: E,
    dice: Arc<Dice>,
    /// The share of calls that fail, of 1.
    rate: f64,
    /// Messages of this name cannot be stored.
    refused: Option<&'static str>,
    /// The schedule of this name is never done being fired.
    hangs_at: Option<&'static str>,
    /// Each settlement of a batch waits for a permit of these, and uses it up.
    settles_by: Option<Arc<Semaphore>>,
    /// The answer to each claim waits for a permit of these, and uses it up.
    answers_claims_by: Option<Arc<Semaphore>>,
    /// Whether every call waits once before and once after.
    pausing: bool,
}

#[derive(Debug)]
struct Dice {
    seed: u64,
    calls: AtomicU64,
    calm: AtomicBool,
    faults: AtomicU64,
}

/// When a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Before,
    After,
}

impl<E> Faulty<E> {
    /// Fails one call in ten, drawn from this seed.
    pub fn new(inner: E, seed: u64) -> Self {
        let dice = Dice { seed, calls: AtomicU64::new(0), calm: AtomicBool::new(false), faults: AtomicU64::new(0) };
        Self {
            inner,
            dice: Arc::new(dice),
            rate: 0.1,
            refused: None,
            hangs_at: None,
            settles_by: None,
            answers_claims_by: None,
            pausing: false,
        }
    }

    /// Fails this share of the calls, from 0 to 1.
    #[must_use]
    pub fn rate(mut self, share: f64) -> Self {
        self.rate = share;
        self
    }

    /// Besides, refuses to store messages of this name, every time, with `W0018`.
    #[must_use]
    pub fn refusing(mut self, name: &'static str) -> Self {
        self.refused = Some(name);
        self
    }

    /// Makes every call an await of its own, before and after, even where the engine answers at once: a test that drops
    /// what it polls finds all the moments at which a process may die.
    #[must_use]
    pub fn pausing(mut self) -> Self {
        self.pausing = true;
        self
    }

    /// Besides, never comes to an end when it fires the schedule of this name.
    #[must_use]
    pub fn hanging_at(mut self, schedule: &'static str) -> Self {
        self.hangs_at = Some(schedule);
        self
    }

    /// Besides, settles a batch only for a permit of these, which is used up: a store as slow as the test likes.
    #[must_use]
    pub fn settling_by(mut self, permits: Arc<Semaphore>) -> Self {
        self.settles_by = Some(permits);
        self
    }

    /// Besides, tells what a claim took only for a permit of these, which is used up: by then it may not be so any more.
    #[must_use]
    pub fn answering_claims_by(mut self, permits: Arc<Semaphore>) -> Self {
        self.answers_claims_by = Some(permits);
        self
    }

    /// From here on nothing fails by chance.
    pub fn calm(&self) {
        self.dice.calm.store(true, Ordering::Relaxed);
    }

    /// How many calls have failed.
    pub fn faults(&self) -> u64 {
        self.dice.faults.load(Ordering::Relaxed)
    }

    fn check<'a>(&self, outgoing: impl IntoIterator<Item = &'a Outgoing>) -> Result<(), Error> {
        match outgoing.into_iter().find(|one| Some(&*one.envelope.name) == self.refused) {
            Some(one) => Err(Error::new(Code::ENGINE_FAILED, format!("`{}` cannot be stored", one.envelope.name))),
            None => Ok(()),
        }
    }

    fn source(&self) -> Source {
        Source { dice: Arc::clone(&self.dice), rate: self.rate, pausing: self.pausing }
    }
}

async fn use_up_one_of(permits: Option<&Arc<Semaphore>>) {
    if let Some(permits) = permits {
        // One that was closed holds up nobody.
        let _ = permits.acquire().await.map(SemaphorePermit::forget);
    }
}

/// Where a wrapped engine and its transactions draw their faults from.
struct Source {
    dice: Arc<Dice>,
    rate: f64,
    pausing: bool,
}

impl Source {
    /// Makes the call, unless it fails before; says that it failed, if it fails after.
    async fn call<T>(&self, name: &str, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.pause().await;
        let fault = self.draw();
        let answer = match fault {
            Some(Fault::Before) => None,
            Some(Fault::After) | None => Some(call.await?),
        };
        self.pause().await;
        match (fault, answer) {
            (None, Some(answer)) => Ok(answer),
            (fault, _) => Err(Error::new(Code::ENGINE_UNREACHABLE, format!("seeded fault at `{name}`: {fault:?}"))),
        }
    }

    async fn pause(&self) {
        if self.pausing {
            tokio::task::yield_now().await;
        }
    }

    fn draw(&self) -> Option<Fault> {
        let call = self.dice.calls.fetch_add(1, Ordering::Relaxed);
        let drawn = scatter(self.dice.seed ^ scatter(call));
        #[expect(clippy::cast_precision_loss, reason = "53 bits are kept, which is what an f64 holds")]
        let share = (drawn >> 11) as f64 / (1_u64 << 53) as f64;
        if self.dice.calm.load(Ordering::Relaxed) || share >= self.rate {
            return None;
        }
        self.dice.faults.fetch_add(1, Ordering::Relaxed);
        Some(if drawn & 1 == 0 { Fault::Before } else { Fault::After })
    }
}

/// splitmix64: near seeds give far numbers.
fn scatter(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[async_trait]
impl<E: Transport> Transport for Faulty<E> {
    async fn claim(&self, claim: &Claim<'_>) -> Result<Claimed, Error> {
        let claimed = self.source().call("claim", self.inner.claim(claim)).await;
        use_up_one_of(self.answers_claims_by.as_ref()).await;
        claimed
    }

    async fn settle(&self, batch: &[Settlement]) -> Result<Vec<bool>, Error> {
        self.check(batch.iter().flat_map(|settlement| &settlement.outgoing))?;
        use_up_one_of(self.settles_by.as_ref()).await;
        self.source().call("settle", self.inner.settle(batch)).await
    }

    async fn renew(&self, leases: &[Lease], length: Duration) -> Result<Vec<Lease>, Error> {
        self.source().call("renew", self.inner.renew(leases, length)).await
    }

    async fn send(&self, batch: &[Outgoing]) -> Result<(), Error> {
        self.check(batch)?;
        self.source().call("send", self.inner.send(batch)).await
    }

    fn copies_letters(&self) -> bool {
        self.inner.copies_letters()
    }

    async fn copy_letter(&self, letter: &Outgoing) -> Result<(), Error> {
        self.source().call("copy_letter", self.inner.copy_letter(letter)).await
    }

    async fn depth(&self) -> Result<Vec<Depth>, Error> {
        self.inner.depth().await
    }

    fn prepare(&self, consumed: &[Subscription]) {
        self.inner.prepare(consumed);
    }

    fn know(&self, subscriptions: &[Subscription]) {
        self.inner.know(subscriptions);
    }

    fn wakeups(&self) -> &Wakeups {
        self.inner.wakeups()
    }

    async fn listen(&self) -> Result<(), Error> {
        self.inner.listen().await
    }
}

#[async_trait]
impl<E: Store> Store for Faulty<E> {
    async fn begin(&self) -> Result<Box<dyn Transaction>, Error> {
        let inner = self.source().call("begin", self.inner.begin()).await?;
        Ok(Box::new(FaultyTransaction { inner, source: self.source() }))
    }

    async fn begin_alone(&self) -> Result<Box<dyn Transaction>, Error> {
        let inner = self.source().call("begin_alone", self.inner.begin_alone()).await?;
        Ok(Box::new(FaultyTransaction { inner, source: self.source() }))
    }

    async fn fire_timers(&self, max: usize) -> Result<Fired, Error> {
        self.source().call("fire_timers", self.inner.fire_timers(max)).await
    }

    async fn dead_letters(&self, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, Error> {
        self.inner.dead_letters(filter).await
    }

    async fn count_dead_letters(&self, max: u64) -> Result<u64, Error> {
        self.inner.count_dead_letters(max).await
    }

    fn transactions(&self) -> Option<Transactions> {
        self.inner.transactions()
    }

    async fn redrive(&self, filter: &DeadLetterFilter) -> Result<u64, Error> {
        self.source().call("redrive", self.inner.redrive(filter)).await
    }

    async fn redriven(&self, rounds: &[Round]) -> Result<(), Error> {
        self.source().call("redriven", self.inner.redriven(rounds)).await
    }

    async fn discard(&self, filter: &DeadLetterFilter) -> Result<u64, Error> {
        self.source().call("discard", self.inner.discard(filter)).await
    }

    async fn saga(&self, id: &SagaId) -> Result<Option<SagaRow>, Error> {
        self.inner.saga(id).await
    }

    async fn sagas(&self, filter: &SagaFilter) -> Result<Vec<SagaRecord>, Error> {
        self.inner.sagas(filter).await
    }

    async fn endings(&self, rounds: &[Round]) -> Result<Vec<Option<Ending>>, Error> {
        self.source().call("endings", self.inner.endings(rounds)).await
    }

    async fn hold_alone(&self, round: &Round) -> Result<u32, Error> {
        self.source().call("hold_alone", self.inner.hold_alone(round)).await
    }

    async fn let_go(&self, rounds: &[Round]) -> Result<(), Error> {
        self.source().call("let_go", self.inner.let_go(rounds)).await
    }

    async fn prune_inbox(&self, ended_before: Duration, max: usize) -> Result<u64, Error> {
        self.source().call("prune_inbox", self.inner.prune_inbox(ended_before, max)).await
    }

    /// A start that fails is refused, and none of a test's faults.
    async fn declare(&self, declaration: &Declaration) -> Result<Declared, Error> {
        self.inner.declare(declaration).await
    }

    async fn subscriptions(&self) -> Result<Vec<StoredSubscription>, Error> {
        self.inner.subscriptions().await
    }

    async fn confirm(&self, subscriptions: &[Subscription]) -> Result<(), Error> {
        self.source().call("confirm", self.inner.confirm(subscriptions)).await
    }

    async fn retire(&self, endpoint: &str, message: &str, max: usize) -> Result<u64, Error> {
        self.source().call("retire", self.inner.retire(endpoint, message, max)).await
    }

    async fn cancel(&self, cancellation: &Cancellation) -> Result<u64, Error> {
        self.source().call("cancel", self.inner.cancel(cancellation)).await
    }

    async fn fire_schedule(&self, tenant: &Tenant, name: &str, outgoing: &[Outgoing]) -> Result<Option<Ticked>, Error> {
        if self.hangs_at == Some(name) {
            std::future::pending::<()>().await;
        }
        self.check(outgoing)?;
        self.source().call("fire_schedule", self.inner.fire_schedule(tenant, name, outgoing)).await
    }

    async fn change_schedule(
        &self,
        tenant: &Tenant,
        name: &str,
        change: &ScheduleChange,
        who: &str,
    ) -> Result<Option<StoredSchedule>, Error> {
        self.source().call("change_schedule", self.inner.change_schedule(tenant, name, change, who)).await
    }

    async fn job_types(&self) -> Result<Vec<JobType>, Error> {
        self.inner.job_types().await
    }

    async fn schedules(&self) -> Result<Vec<StoredSchedule>, Error> {
        self.inner.schedules().await
    }

    async fn prune(&self, retention: &Retention, max: usize) -> Result<u64, Error> {
        self.source().call("prune", self.inner.prune(retention, max)).await
    }

    async fn ping(&self) -> Result<(), Error> {
        self.source().call("ping", self.inner.ping()).await
    }

    fn signals(&self) -> Arc<dyn Signals> {
        self.inner.signals()
    }

    fn history(&self) -> Arc<dyn History> {
        self.inner.history()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.inner.clock()
    }

    async fn wind_to(&self, now: Timestamp) -> Result<(), Error> {
        self.inner.wind_to(now).await
    }
}

/// A transaction whose calls fail now and then.
struct FaultyTransaction {
    inner: Box<dyn Transaction>,
    source: Source,
}

#[async_trait]
impl Transaction for FaultyTransaction {
    async fn saga(&mut self, id: &SagaId) -> Result<Option<SagaRow>, Error> {
        self.source.call("transaction.saga", self.inner.saga(id)).await
    }

    async fn save_saga(&mut self, row: &SagaRow) -> Result<(), Error> {
        self.source.call("transaction.save_saga", self.inner.save_saga(row)).await
    }

    async fn arm(&mut self, timer: &TimerArm) -> Result<(), Error> {
        self.source.call("transaction.arm", self.inner.arm(timer)).await
    }

    async fn disarm(&mut self, id: &SagaId, name: &str) -> Result<Option<i64>, Error> {
        self.source.call("transaction.disarm", self.inner.disarm(id, name)).await
    }

    async fn timer(&mut self, id: &SagaId, name: &str) -> Result<Option<i64>, Error> {
        self.source.call("transaction.timer", self.inner.timer(id, name)).await
    }

    async fn note(&mut self, receipts: &[Receipt]) -> Result<Vec<bool>, Error> {
        self.source.call("transaction.note", self.inner.note(receipts)).await
    }

    async fn bury(&mut self, burials: &[Burial]) -> Result<(), Error> {
        self.source.call("transaction.bury", self.inner.bury(burials)).await
    }

    async fn report(&mut self, lease: Lease, report: &Report) -> Result<(), Error> {
        self.source.call("transaction.report", self.inner.report(lease, report)).await
    }

    async fn settle(self: Box<Self>, lease: Lease, outgoing: &[Outgoing]) -> Result<bool, Error> {
        self.source.call("transaction.settle", self.inner.settle(lease, outgoing)).await
    }

    async fn commit(self: Box<Self>, outgoing: &[Outgoing]) -> Result<(), Error> {
        self.source.call("transaction.commit", self.inner.commit(outgoing)).await
    }

    fn is_price_of_sharing(&self, failure: &(dyn std::error::Error + 'static)) -> bool {
        self.inner.is_price_of_sharing(failure)
    }

    async fn rollback(self: Box<Self>) -> Result<(), Error> {
        self.source.call("transaction.rollback", self.inner.rollback()).await
    }

    /// The inner engine's own, so that its extension trait finds its type.
    fn as_any(&mut self) -> &mut dyn Any {
        self.inner.as_any()
    }
}
