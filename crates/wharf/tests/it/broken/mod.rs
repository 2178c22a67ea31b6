//! Engines that each break one promise, for the conformance suite to catch.

mod caught;
mod signals;
mod transaction;

use std::{
    any::Any,
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use uuid::Uuid;
use wharf::{
    Clock, Code, DeadLetter, DeadLetterFilter, Delivery, Depth, Error, LogLine, Memory, MemoryTx, Misfire, Outgoing,
    Priority, Result, RunFilter, RunRecord, SagaFilter, SagaId, SagaRecord, SagaRow, Schedule, Tenant, Tx,
    ports::{
        Burial, Cancellation, Claim, Claimed, Declaration, Declared, Ending, Fired, History, JobType, Lease, Outbox,
        Outcome, Receipt, Report, Retention, Round, ScheduleChange, Settlement, Signals, Store, StoredSchedule,
        StoredSubscription, Subscription, Tick, Ticked, TimerArm, Transaction, Transport, Turns, Wakeups,
    },
    testing::{
        ManualClock,
        conformance::{Subject, apart::Carrier},
    },
};

use crate::on_memory::plant;
use transaction::BrokenTransaction;

macro_rules! flaws {
    ($($flaw:ident,)*) => {
        /// What a bad engine does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Flaw {
            $($flaw,)*
        }

        impl Flaw {
            const ALL: &[Flaw] = &[$(Flaw::$flaw,)*];
        }
    };
}

flaws! {
    IgnoresTheEpoch,
    CommitsWithoutSettling,
    SettlesWithoutCommitting,
    CommitsThenSettles,
    SharesWhatIsHeld,
    ForgetsDelays,
    ForgetsCrashes,
    CountsEveryLossAsACrash,
    ClaimsSurvivorsTogether,
    BringsSurvivorsUnasked,
    StarvesSurvivors,
    IgnoresTurns,
    LooksAtOnePage,
    LetsOthersPassARetry,
    LetsOthersPassADeadLetter,
    FiresTimersOutOfTurn,
    IgnoresPriorities,
    ForgetsExpiry,
    CountsTheGraceFromTheSending,
    DiscardsTheUnknown,
    StumblesOverForeignRows,
    CountsReturnsAsAttempts,
    RenewsAnything,
    TruncatesBodies,
    ClaimsNewestFirst,
    OverwritesSagas,
    FiresTimersTwice,
    LosesTimers,
    KeepsWhatItRedrives,
    AcknowledgesOnDelivery,
    DropsOnReconnect,
    MarksSentFirst,
    SkipsTheInbox,
    PrunesTheInboxEarly,
    ForgetsWhoWasAlone,
    TakesAReturnForACrash,
    ForgetsSubscriptions,
    AcceptsContradictions,
    ReplacesNothing,
    LosesWhatItRetires,
    LosesWhatItCancels,
    ConfirmsByDeclaring,
    FiresSchedulesEarly,
    FiresSchedulesTwice,
    MakesUpForMissedTimes,
    KeepsTheFirstPeriod,
    KnowsOneSchedule,
    AnswersForAnotherSchedule,
    FiresTogetherUnlocked,
    KnowsNoTimeZones,
    ForgetsMisfires,
    FiresWhatIsNeverDue,
    WakesNobody,
    ForgetsWhatItSends,
    OverwritesChanges,
    ResumesAtTheStart,
    PrunesEarly,
    PrunesTheUnfinished,
    PrunesAtWill,
    CountsToTheEnd,
    ListsWhatHasEnded,
    ForgetsHowRunsEnded,
    NumbersLinesAnew,
    ForgetsJobTypes,
    ForgetsSkips,
    NeverGivesUp,
    LetsAnyoneTellOfARun,
    TellsAllOrNothing,
}

/// The memory engine with one flaw.
#[derive(Debug, Clone)]
struct Broken {
    memory: Memory,
    flaw: Flaw,
    claimed: Arc<Mutex<HashMap<i64, Delivery>>>,
    /// Bells that nobody rings.
    silent: Arc<Wakeups>,
}

impl Broken {
    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    /// Settles these as if all were well.
    async fn forget(&self, deliveries: &[Delivery]) -> Result<(), Error> {
        let done = |delivery: &Delivery| {
            let (lease, outgoing) = (delivery.lease, Vec::new());
            Settlement::new(lease, Outcome::Done).sending(outgoing)
        };
        self.memory.settle(&deliveries.iter().map(done).collect::<Vec<_>>()).await.map(drop)
    }

    /// As one who asks for whose turn it is only of the page that it has claimed.
    async fn put_back_all_but_the_first_of_each_key(&self, page: &mut Vec<Delivery>) -> Result<(), Error> {
        let mut keys = HashSet::new();
        let (first, others): (Vec<_>, Vec<_>) =
            page.drain(..).partition(|one| keys.insert(one.envelope.key.as_str().to_owned()));
        *page = first;
        let outcome = Outcome::Return { delay: Duration::ZERO };
        let put_back = |one: &Delivery| Settlement::new(one.lease, outcome.clone());
        self.memory.settle(&others.iter().map(put_back).collect::<Vec<_>>()).await.map(drop)
    }

    /// Changes a schedule, if it is there, before it is declared.
    async fn change(&self, schedule: &Schedule, change: &ScheduleChange) -> Result<(), Error> {
        Store::change_schedule(&self.memory, &schedule.tenant, &schedule.name, change, "nobody").await.map(drop)
    }

    /// The lease under which a row was last claimed, whoever claimed it.
    fn newest(&self, lease: Lease) -> Lease {
        self.claimed.lock().unwrap().get(&lease.id).map_or(lease, |delivery| delivery.lease)
    }
}

#[async_trait]
impl Transport for Broken {
    async fn claim(&self, claim: &Claim<'_>) -> Result<Claimed, Error> {
        let mut asked = *claim;
        asked.survivors |= self.has(Flaw::BringsSurvivorsUnasked);
        asked.survivors &= !self.has(Flaw::StarvesSurvivors);
        asked.turns = match asked.turns {
            _ if self.has(Flaw::IgnoresTurns) || self.has(Flaw::LooksAtOnePage) => Turns::Free,
            Turns::Ordered { .. } if self.has(Flaw::LetsOthersPassARetry) => Turns::OneAtATime,
            Turns::Ordered { .. } if self.has(Flaw::LetsOthersPassADeadLetter) => {
                Turns::Ordered { dead_letters_hold: false }
            }
            turns @ (Turns::Free | Turns::OneAtATime | Turns::Ordered { .. }) => turns,
        };
        let mut claimed = self.memory.claim(&asked).await?;
        if self.has(Flaw::LooksAtOnePage) && claim.turns != Turns::Free {
            self.put_back_all_but_the_first_of_each_key(&mut claimed.deliveries).await?;
        }
        let foreign = |one: &Delivery| serde_json::from_str::<serde_json::Value>(&one.body).is_err();
        if self.has(Flaw::StumblesOverForeignRows) && claimed.deliveries.iter().any(foreign) {
            return Err(Error::new(Code::ENGINE_FAILED, "a row is no message"));
        }
        let forgets = match Outbox::destination(claim.endpoint) {
            Some(_) => self.has(Flaw::MarksSentFirst),
            None => self.has(Flaw::AcknowledgesOnDelivery),
        };
        if forgets {
            self.forget(&claimed.deliveries).await?;
        }
        if self.has(Flaw::ClaimsSurvivorsTogether) && claimed.deliveries.iter().any(|one| one.is_survivor) {
            claimed.deliveries.extend(self.memory.claim(claim).await?.deliveries);
        }
        let mut before = self.claimed.lock().unwrap();
        if self.has(Flaw::SharesWhatIsHeld) && claimed.deliveries.is_empty() {
            claimed.deliveries.extend(before.values().take(claim.max).cloned());
        }
        if self.has(Flaw::ClaimsNewestFirst) {
            claimed.deliveries.reverse();
        }
        for delivery in &mut claimed.deliveries {
            if self.has(Flaw::ForgetsCrashes) {
                delivery.envelope.crashes = 0;
            }
            if self.has(Flaw::CountsEveryLossAsACrash) {
                delivery.envelope.crashes = delivery.lost_leases;
            }
            if self.has(Flaw::ForgetsExpiry) {
                delivery.is_expired = false;
            }
            if self.has(Flaw::CountsTheGraceFromTheSending) {
                delivery.unknown_for = Some(self.memory.clock().now().since(delivery.envelope.sent_at));
            }
            if self.has(Flaw::TruncatesBodies) {
                delivery.body = Arc::from(&delivery.body[..delivery.body.len().min(100)]);
            }
            before.insert(delivery.lease.id, delivery.clone());
        }
        Ok(claimed)
    }

    async fn settle(&self, batch: &[Settlement]) -> Result<Vec<bool>, Error> {
        let mut batch = batch.to_vec();
        for settlement in &mut batch {
            if self.has(Flaw::IgnoresTheEpoch) {
                settlement.lease = self.newest(settlement.lease);
            }
            if self.has(Flaw::ForgetsHowRunsEnded) {
                settlement.report = None;
            }
            match &mut settlement.outcome {
                Outcome::Retry { delay, .. } if self.has(Flaw::ForgetsDelays) => *delay = Duration::ZERO,
                Outcome::Return { delay } if self.has(Flaw::CountsReturnsAsAttempts) => {
                    settlement.outcome = Outcome::Retry { delay: *delay, attempt: 1 };
                }
                Outcome::Return { delay } if self.has(Flaw::DropsOnReconnect) && delay.is_zero() => {
                    settlement.outcome = Outcome::Done;
                }
                Outcome::Unknown { .. } if self.has(Flaw::DiscardsTheUnknown) => settlement.outcome = Outcome::Done,
                Outcome::Done
                | Outcome::Retry { .. }
                | Outcome::Return { .. }
                | Outcome::Unknown { .. }
                | Outcome::DeadLetter { .. } => {}
            }
        }
        self.memory.settle(&batch).await
    }

    async fn renew(&self, leases: &[Lease], length: Duration) -> Result<Vec<Lease>, Error> {
        let lost = self.memory.renew(leases, length).await?;
        Ok(if self.has(Flaw::RenewsAnything) { Vec::new() } else { lost })
    }

    async fn send(&self, batch: &[Outgoing]) -> Result<(), Error> {
        let mut batch = batch.to_vec();
        if self.has(Flaw::IgnoresPriorities) {
            batch.iter_mut().for_each(|one| one.envelope.priority = Priority::Normal);
        }
        self.memory.send(&batch).await
    }

    async fn depth(&self) -> Result<Vec<Depth>, Error> {
        let mut depths = self.memory.depth().await?;
        if self.has(Flaw::CountsToTheEnd) {
            let capped = depths.iter_mut().filter(|depth| depth.due == Depth::COUNT_MAX_ROWS);
            capped.for_each(|depth| depth.due += 1);
        }
        Ok(depths)
    }

    fn wakeups(&self) -> &Wakeups {
        if self.has(Flaw::WakesNobody) { &self.silent } else { self.memory.wakeups() }
    }
}

#[async_trait]
impl Store for Broken {
    async fn begin(&self) -> Result<Box<dyn Transaction>, Error> {
        let inner = self.memory.begin().await?;
        Ok(Box::new(BrokenTransaction { inner, engine: self.clone() }))
    }

    async fn fire_timers(&self, max: usize) -> Result<Fired, Error> {
        let before = self.memory.fire_timers(max).await?;
        if self.has(Flaw::LosesTimers) && before.fired > 0 {
            // As one who takes the timers off its list, and dies before it has sent their firings.
            let firings = self.memory.claim(&Claim::new("saga", max, Duration::ZERO)).await?.deliveries;
            self.forget(&firings).await?;
        }
        if self.has(Flaw::FiresTimersTwice) && before.fired > 0 {
            let again: Vec<_> = self.memory.claim(&Claim::new("saga", 1, Duration::ZERO)).await?.deliveries;
            for one in &again {
                let outcome = Outcome::Return { delay: Duration::ZERO };
                self.memory.settle(&[Settlement::new(one.lease, outcome)]).await?;
            }
            let copies: Vec<_> =
                again.into_iter().map(|one| Outgoing::new(Arc::from("saga"), one.envelope, one.body)).collect();
            self.memory.send(&copies).await?;
        }
        Ok(before)
    }

    async fn dead_letters(&self, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, Error> {
        self.memory.dead_letters(filter).await
    }

    async fn count_dead_letters(&self, max: u64) -> Result<u64, Error> {
        let max = if self.has(Flaw::CountsToTheEnd) { u64::MAX } else { max };
        self.memory.count_dead_letters(max).await
    }

    async fn redrive(&self, filter: &DeadLetterFilter) -> Result<u64, Error> {
        if !self.has(Flaw::KeepsWhatItRedrives) {
            return self.memory.redrive(filter).await;
        }
        let letters = self.memory.dead_letters(filter).await?;
        for letter in &letters {
            let outgoing =
                Outgoing::new(Arc::from(&*letter.endpoint), letter.envelope.clone(), Arc::clone(&letter.body));
            self.memory.send(&[outgoing]).await?;
        }
        Ok(letters.len() as u64)
    }

    async fn redriven(&self, rounds: &[Round]) -> Result<(), Error> {
        if self.has(Flaw::KeepsWhatItRedrives) {
            return Ok(());
        }
        self.memory.redriven(rounds).await
    }

    async fn discard(&self, filter: &DeadLetterFilter) -> Result<u64, Error> {
        self.memory.discard(filter).await
    }

    async fn saga(&self, id: &SagaId) -> Result<Option<SagaRow>, Error> {
        Store::saga(&self.memory, id).await
    }

    async fn sagas(&self, filter: &SagaFilter) -> Result<Vec<SagaRecord>, Error> {
        let mut filter = filter.clone();
        if self.has(Flaw::ListsWhatHasEnded) {
            filter.finished = None;
        }
        self.memory.sagas(&filter).await
    }

    async fn endings(&self, rounds: &[Round]) -> Result<Vec<Option<Ending>>, Error> {
        self.memory.endings(rounds).await
    }

    async fn hold_alone(&self, round: &Round) -> Result<u32, Error> {
        let crashes = self.memory.hold_alone(round).await?;
        Ok(if self.has(Flaw::ForgetsWhoWasAlone) { 0 } else { crashes })
    }

    async fn let_go(&self, rounds: &[Round]) -> Result<(), Error> {
        if self.has(Flaw::TakesAReturnForACrash) {
            return Ok(());
        }
        self.memory.let_go(rounds).await
    }

    async fn prune_inbox(&self, ended_before: Duration, max: usize) -> Result<u64, Error> {
        let ended_before = if self.has(Flaw::PrunesTheInboxEarly) { Duration::ZERO } else { ended_before };
        self.memory.prune_inbox(ended_before, max).await
    }

    async fn declare(&self, declaration: &Declaration) -> Result<Declared, Error> {
        if self.has(Flaw::ForgetsSubscriptions) {
            return Ok(Declared::Accepted);
        }
        let mut declaration = declaration.clone();
        if self.has(Flaw::ReplacesNothing) {
            declaration.replacements.iter_mut().for_each(|one| one.new = Arc::clone(&one.old));
        }
        if self.has(Flaw::KeepsTheFirstPeriod) {
            let known = Store::schedules(&self.memory).await?;
            declaration.schedules.retain(|ours| known.iter().all(|stored| stored.name != ours.name));
        }
        for schedule in &mut declaration.schedules {
            if self.has(Flaw::KnowsNoTimeZones) {
                let times = schedule.timetable.to_string();
                let (expression, _) = times.split_once(" in ").unwrap_or((&times, ""));
                schedule.timetable = format!("{expression} in UTC").parse()?;
            }
            if self.has(Flaw::ForgetsMisfires) {
                schedule.misfire = Misfire::default();
            }
            if self.has(Flaw::OverwritesChanges) {
                self.change(schedule, &ScheduleChange::Times(schedule.timetable.clone())).await?;
            }
            if self.has(Flaw::ResumesAtTheStart) {
                self.change(schedule, &ScheduleChange::Resume).await?;
            }
        }
        let declared = Store::declare(&self.memory, &declaration).await?;
        Ok(if self.has(Flaw::AcceptsContradictions) { Declared::Accepted } else { declared })
    }

    async fn subscriptions(&self) -> Result<Vec<StoredSubscription>, Error> {
        Store::subscriptions(&self.memory).await
    }

    async fn confirm(&self, subscriptions: &[Subscription]) -> Result<(), Error> {
        if self.has(Flaw::ConfirmsByDeclaring) {
            let subscriptions = subscriptions.to_vec();
            let declaration = Declaration { subscriptions, ..Declaration::default() };
            return Store::declare(&self.memory, &declaration).await.map(drop);
        }
        Store::confirm(&self.memory, subscriptions).await
    }

    async fn retire(&self, endpoint: &str, message: &str, max: usize) -> Result<u64, Error> {
        let retired = Store::retire(&self.memory, endpoint, message, max).await?;
        if self.has(Flaw::LosesWhatItRetires) {
            self.memory.discard(&DeadLetterFilter::default()).await?;
        }
        Ok(retired)
    }

    async fn cancel(&self, cancellation: &Cancellation) -> Result<u64, Error> {
        let cancelled = Store::cancel(&self.memory, cancellation).await?;
        if self.has(Flaw::LosesWhatItCancels) {
            self.memory.discard(&DeadLetterFilter::default()).await?;
        }
        Ok(cancelled)
    }

    async fn fire_schedule(&self, tenant: &Tenant, name: &str, outgoing: &[Outgoing]) -> Result<Option<Ticked>, Error> {
        if self.has(Flaw::KnowsOneSchedule) {
            let known = Store::schedules(&self.memory).await?;
            let Some(one) = known.first() else { return Ok(None) };
            return Store::fire_schedule(&self.memory, &one.tenant, &one.name, outgoing).await;
        }
        let Some(mut ticked) = Store::fire_schedule(&self.memory, tenant, name, outgoing).await? else {
            return Ok(None);
        };
        if self.has(Flaw::FiresSchedulesEarly) && ticked.next_due.is_some() && ticked.fired == 0 {
            self.memory.send(outgoing).await?;
            ticked.fired = 1;
        }
        if self.has(Flaw::FiresWhatIsNeverDue) && ticked.next_due.is_none() && ticked.fired == 0 {
            self.memory.send(outgoing).await?;
            ticked.fired = 1;
        }
        if self.has(Flaw::FiresSchedulesTwice) && ticked.next_due.is_some() {
            // As one who looks, then sends, then moves it on: whoever looks meanwhile finds it due too.
            ticked.fired = 1;
        }
        if self.has(Flaw::MakesUpForMissedTimes) {
            for _ in 0..std::mem::take(&mut ticked.missed) {
                self.memory.send(outgoing).await?;
            }
        }
        Ok(Some(ticked))
    }

    async fn fire_schedules(&self, ticks: &[Tick]) -> Result<Vec<Option<Ticked>>, Error> {
        let mut answers = Vec::new();
        for Tick { tenant, name, outgoing } in ticks {
            answers.push(self.fire_schedule(tenant, name, outgoing).await?);
        }
        if self.has(Flaw::AnswersForAnotherSchedule) {
            // As the rows come, and not as they were asked for.
            answers.reverse();
        }
        if self.has(Flaw::FiresTogetherUnlocked) {
            // As one who looks at all, and only then at each.
            for (Tick { outgoing, .. }, answer) in ticks.iter().zip(&mut answers) {
                if let Some(answer) = answer.as_mut().filter(|answer| answer.fired == 0 && answer.next_due.is_some()) {
                    self.memory.send(outgoing).await?;
                    answer.fired = 1;
                }
            }
        }
        Ok(answers)
    }

    async fn change_schedule(
        &self,
        tenant: &Tenant,
        name: &str,
        change: &ScheduleChange,
        who: &str,
    ) -> Result<Option<StoredSchedule>, Error> {
        if self.has(Flaw::NeverGivesUp) && matches!(change, ScheduleChange::GiveUp(_)) {
            return Ok(None);
        }
        Store::change_schedule(&self.memory, tenant, name, change, who).await
    }

    async fn job_types(&self) -> Result<Vec<JobType>, Error> {
        if self.has(Flaw::ForgetsJobTypes) { Ok(Vec::new()) } else { Store::job_types(&self.memory).await }
    }

    async fn schedules(&self) -> Result<Vec<StoredSchedule>, Error> {
        let mut stored = Store::schedules(&self.memory).await?;
        if self.has(Flaw::ForgetsWhatItSends) {
            stored.iter_mut().for_each(|stored| stored.draft = None);
        }
        if self.has(Flaw::ForgetsSkips) {
            stored.iter_mut().for_each(|stored| stored.skipped = 0);
        }
        Ok(stored)
    }

    async fn prune(&self, retention: &Retention, max: usize) -> Result<u64, Error> {
        let mut retention = *retention;
        if self.has(Flaw::PrunesEarly) {
            retention.finished_sagas /= 2;
            retention.forsaken_schedules /= 2;
            retention.succeeded_runs /= 2;
        }
        let max = if self.has(Flaw::PrunesAtWill) { usize::MAX } else { max };
        Store::prune(&self.memory, &retention, max).await
    }

    async fn ping(&self) -> Result<(), Error> {
        self.memory.ping().await
    }

    fn signals(&self) -> Arc<dyn Signals> {
        self.memory.signals()
    }

    fn history(&self) -> Arc<dyn History> {
        Arc::new(self.clone())
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.memory.clock()
    }
}

/// The flaw's place in [`Flaw::ALL`] makes the type, as a subject is started by its type alone.
struct OnBroken<const FLAW: usize>(Broken);

#[async_trait]
impl<const FLAW: usize> Subject for OnBroken<FLAW> {
    type Engine = Broken;

    async fn start(clock: ManualClock) -> Self {
        let flaw = Flaw::ALL[FLAW];
        Self(Broken { memory: Memory::with_clock(clock), flaw, claimed: Arc::default(), silent: Arc::default() })
    }

    fn engine(&self) -> Broken {
        self.0.clone()
    }

    async fn plant(&self, endpoint: &str, name: &str, body: &[u8]) -> Option<bool> {
        plant(&self.0.memory, endpoint, name, body).await
    }

    async fn write(tx: &mut Tx, key: &str, value: &str) -> Result {
        tx.memory().await?.put(key, value);
        Ok(())
    }

    async fn read(&self, key: &str) -> Option<String> {
        self.0.memory.get(key).await
    }
}

/// The same as a transport beside a store.
struct ByBroken<const FLAW: usize>(Broken);

#[async_trait]
impl<const FLAW: usize> Carrier for ByBroken<FLAW> {
    type Transport = Broken;

    async fn start(clock: ManualClock) -> Self {
        Self(OnBroken::<FLAW>::start(clock).await.0)
    }

    fn transport(&self) -> Broken {
        self.0.clone()
    }
}
