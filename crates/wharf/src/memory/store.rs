//! Keeping state in memory: transactions that stage what they do and apply it at commit.

use std::{any::Any, collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::OwnedMutexGuard;

use super::{
    Memory,
    state::{Instance, State, Timer},
};
use crate::{
    Clock, Code, Error, Outgoing, Tenant, Timestamp,
    ports::{
        Burial, Cancellation, DeadLetter, DeadLetterFilter, Declaration, Declared, Ending, Fired, History, JobType,
        Lease, Outcome, Receipt, Report, Retention, Round, SagaFilter, SagaId, SagaRecord, SagaRow, ScheduleChange,
        Signals, Store, StoredSchedule, StoredSubscription, Subscription, Ticked, TimerArm, TimerFiring, Transaction,
        Wakeups,
    },
};

/// An open transaction of the memory engine: the only one, until it ends.
pub struct MemoryTransaction {
    memory: Memory,
    state: OwnedMutexGuard<State>,
    values: BTreeMap<String, String>,
    sagas: Vec<SagaRow>,
    /// `None` is a timer taken back.
    timers: Vec<((SagaId, String), Option<TimerArm>)>,
    receipts: Vec<Receipt>,
    burials: Vec<Burial>,
    reports: Vec<Report>,
}

impl MemoryTransaction {
    /// A value, as this transaction sees it.
    pub fn get(&self, key: &str) -> Option<String> {
        self.values.get(key).or_else(|| self.state.values.get(key)).cloned()
    }

    /// Writes a value, which others see once this commits.
    pub fn put(&mut self, key: &str, value: &str) {
        self.values.insert(key.to_owned(), value.to_owned());
    }

    fn apply(&mut self, outgoing: &[Outgoing]) {
        let now = self.memory.shared.clock.now();
        let state = &mut *self.state;
        state.values.append(&mut self.values);
        for (id, arm) in self.timers.drain(..) {
            match arm {
                Some(arm) => drop(state.timers.insert(id, Timer { due: now + arm.delay, arm, fired: false })),
                None => drop(state.timers.remove(&id)),
            }
        }
        for row in self.sagas.drain(..) {
            if row.finished {
                state.timers.retain(|(id, _), _| *id != row.id);
                state.finished.entry(row.id.clone()).or_insert(now);
            }
            let began_at = state.sagas.get(&row.id).map_or(now, |before| before.began_at);
            state.sagas.insert(row.id.clone(), Instance { row, began_at, updated_at: now });
        }
        self.receipts.drain(..).for_each(|receipt| state.note(&receipt, now));
        self.burials.drain(..).for_each(|burial| state.bury(burial, now));
        state.send(outgoing, now);
        self.memory.wake(outgoing);
        self.memory.shared.wakeups.wake([Wakeups::TIMERS]);
    }
}

#[async_trait]
impl Transaction for MemoryTransaction {
    async fn saga(&mut self, id: &SagaId) -> Result<Option<SagaRow>, Error> {
        let staged = self.sagas.iter().rev().find(|row| row.id == *id);
        Ok(staged.or_else(|| self.state.sagas.get(id).map(|instance| &instance.row)).cloned())
    }

    async fn save_saga(&mut self, row: &SagaRow) -> Result<(), Error> {
        let before = self.saga(&row.id).await?.map_or(0, |before| before.revision);
        if before + 1 != row.revision {
            let message =
                format!("saga `{}` of {} is at revision {before}, not {}", row.id.saga, row.id.key, row.revision - 1);
            return Err(Error::new(Code::ENGINE_FAILED, message));
        }
        self.sagas.push(row.clone());
        Ok(())
    }

    async fn arm(&mut self, timer: &TimerArm) -> Result<(), Error> {
        self.timers.push(((timer.saga.clone(), timer.name.clone()), Some(timer.clone())));
        Ok(())
    }

    async fn disarm(&mut self, id: &SagaId, name: &str) -> Result<Option<i64>, Error> {
        let before = self.timer(id, name).await?;
        self.timers.push(((id.clone(), name.to_owned()), None));
        Ok(before)
    }

    async fn timer(&mut self, id: &SagaId, name: &str) -> Result<Option<i64>, Error> {
        let id = (id.clone(), name.to_owned());
        if let Some((_, staged)) = self.timers.iter().rev().find(|(staged, _)| *staged == id) {
            return Ok(staged.as_ref().map(|arm| arm.generation));
        }
        Ok(self.state.timers.get(&id).map(|timer| timer.arm.generation))
    }

    async fn note(&mut self, receipts: &[Receipt]) -> Result<Vec<bool>, Error> {
        let mut new = Vec::with_capacity(receipts.len());
        for receipt in receipts {
            let round = &receipt.round;
            let staged = |noted: &Receipt| {
                (&noted.round.tenant, &noted.round.endpoint, noted.round.message)
                    == (&round.tenant, &round.endpoint, round.message)
                    && noted.round.number >= round.number
            };
            new.push(self.state.ending(round).is_none() && !self.receipts.iter().any(staged));
            if new.last() == Some(&true) {
                self.receipts.push(receipt.clone());
            }
        }
        Ok(new)
    }

    async fn bury(&mut self, burials: &[Burial]) -> Result<(), Error> {
        self.burials.extend_from_slice(burials);
        Ok(())
    }

    async fn report(&mut self, _lease: Lease, report: &Report) -> Result<(), Error> {
        self.reports.push(report.clone());
        Ok(())
    }

    async fn settle(mut self: Box<Self>, lease: Lease, outgoing: &[Outgoing]) -> Result<bool, Error> {
        if !self.state.holds(lease) {
            return Ok(false);
        }
        self.apply(outgoing);
        let now = self.memory.shared.clock.now();
        let reports = std::mem::take(&mut self.reports);
        reports.iter().for_each(|report| self.state.report(lease, report, now));
        self.state.settle(lease, &Outcome::Done, now);
        Ok(true)
    }

    async fn commit(mut self: Box<Self>, outgoing: &[Outgoing]) -> Result<(), Error> {
        self.apply(outgoing);
        Ok(())
    }

    async fn rollback(self: Box<Self>) -> Result<(), Error> {
        Ok(())
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

#[async_trait]
impl Store for Memory {
    async fn begin(&self) -> Result<Box<dyn Transaction>, Error> {
        let state = self.lock().await;
        let memory = self.clone();
        Ok(Box::new(MemoryTransaction {
            memory,
            state,
            values: BTreeMap::new(),
            sagas: Vec::new(),
            timers: Vec::new(),
            receipts: Vec::new(),
            burials: Vec::new(),
            reports: Vec::new(),
        }))
    }

    async fn fire_timers(&self, max: usize) -> Result<Fired, Error> {
        let mut state = self.lock().await;
        let now = self.shared.clock.now();
        let mut waiting: Vec<_> =
            state.timers.iter().filter(|(_, timer)| !timer.fired).map(|(id, timer)| (timer.due, id.clone())).collect();
        waiting.sort_unstable();
        let mut outgoing = Vec::new();
        let mut next_due: Option<Timestamp> = None;
        for (due, id) in waiting {
            if due > now || outgoing.len() == max {
                next_due = Some(due);
                break;
            }
            if let Some(timer) = state.timers.get_mut(&id) {
                timer.fired = true;
                outgoing.push(TimerFiring::outgoing(&timer.arm, now));
            }
        }
        state.send(&outgoing, now);
        self.wake(&outgoing);
        Ok(Fired { fired: outgoing.len(), next_due })
    }

    async fn dead_letters(&self, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, Error> {
        let state = self.lock().await;
        let matching = state.dead.values().map(|dead| &dead.letter).filter(|letter| matches(filter, letter));
        Ok(matching.take(filter.limit_rows() as usize).cloned().collect())
    }

    async fn count_dead_letters(&self, max: u64) -> Result<u64, Error> {
        Ok((self.lock().await.dead.len() as u64).min(max))
    }

    async fn redrive(&self, filter: &DeadLetterFilter) -> Result<u64, Error> {
        let letters = self.dead_letters(filter).await?;
        let mut state = self.lock().await;
        let now = self.shared.clock.now();
        // Another operator may have been faster.
        let endpoints: Vec<_> = letters.iter().filter_map(|letter| state.redrive(letter.id, now)).collect();
        self.shared.wakeups.wake(endpoints.iter().map(|endpoint| &**endpoint));
        Ok(endpoints.len() as u64)
    }

    async fn redriven(&self, rounds: &[Round]) -> Result<(), Error> {
        let mut state = self.lock().await;
        rounds.iter().for_each(|round| state.redriven(round));
        Ok(())
    }

    async fn discard(&self, filter: &DeadLetterFilter) -> Result<u64, Error> {
        let letters = self.dead_letters(filter).await?;
        let mut state = self.lock().await;
        Ok(letters.iter().filter(|letter| state.dead.remove(&letter.id).is_some()).count() as u64)
    }

    async fn saga(&self, id: &SagaId) -> Result<Option<SagaRow>, Error> {
        Ok(self.lock().await.sagas.get(id).map(|instance| instance.row.clone()))
    }

    async fn sagas(&self, filter: &SagaFilter) -> Result<Vec<SagaRecord>, Error> {
        Ok(self.lock().await.sagas(filter))
    }

    async fn endings(&self, rounds: &[Round]) -> Result<Vec<Option<Ending>>, Error> {
        let state = self.lock().await;
        Ok(rounds.iter().map(|round| state.ending(round)).collect())
    }

    async fn hold_alone(&self, round: &Round) -> Result<u32, Error> {
        let now = self.shared.clock.now();
        Ok(self.lock().await.hold_alone(round, now))
    }

    async fn let_go(&self, rounds: &[Round]) -> Result<(), Error> {
        let mut state = self.lock().await;
        rounds.iter().for_each(|round| state.let_go(round));
        Ok(())
    }

    async fn prune_inbox(&self, ended_before: Duration, max: usize) -> Result<u64, Error> {
        let now = self.shared.clock.now();
        Ok(self.lock().await.forget(now - ended_before, max))
    }

    async fn declare(&self, declaration: &Declaration) -> Result<Declared, Error> {
        Ok(Self::declare(self, declaration).await)
    }

    async fn job_types(&self) -> Result<Vec<JobType>, Error> {
        Ok(self.lock().await.job_types.values().cloned().collect())
    }

    async fn subscriptions(&self) -> Result<Vec<StoredSubscription>, Error> {
        Ok(self.stored_subscriptions().await)
    }

    async fn confirm(&self, subscriptions: &[Subscription]) -> Result<(), Error> {
        Self::confirm(self, subscriptions).await;
        Ok(())
    }

    async fn retire(&self, endpoint: &str, message: &str, max: usize) -> Result<u64, Error> {
        Ok(Self::retire(self, endpoint, message, max).await)
    }

    async fn cancel(&self, cancellation: &Cancellation) -> Result<u64, Error> {
        let mut state = self.lock().await;
        let now = self.shared.clock.now();
        Ok(state.give_up(Code::CANCELLED, usize::MAX, now, |row| {
            row.envelope.id == cancellation.message && row.envelope.tenant == cancellation.tenant
        }))
    }

    async fn fire_schedule(&self, tenant: &Tenant, name: &str, outgoing: &[Outgoing]) -> Result<Option<Ticked>, Error> {
        Self::fire_schedule(self, tenant, name, outgoing).await
    }

    async fn change_schedule(
        &self,
        tenant: &Tenant,
        name: &str,
        change: &ScheduleChange,
        who: &str,
    ) -> Result<Option<StoredSchedule>, Error> {
        Self::change_schedule(self, tenant, name, change, who).await
    }

    async fn schedules(&self) -> Result<Vec<StoredSchedule>, Error> {
        Ok(self.lock().await.schedules.values().cloned().collect())
    }

    async fn prune(&self, retention: &Retention, max: usize) -> Result<u64, Error> {
        Ok(Self::prune(self, retention, max).await)
    }

    async fn ping(&self) -> Result<(), Error> {
        Ok(())
    }

    fn signals(&self) -> Arc<dyn Signals> {
        Arc::clone(&self.shared.signals) as Arc<dyn Signals>
    }

    fn history(&self) -> Arc<dyn History> {
        Arc::new(self.clone())
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.shared.clock)
    }
}

fn matches(filter: &DeadLetterFilter, letter: &DeadLetter) -> bool {
    let same = |wanted: &Option<String>, have: &str| wanted.as_deref().is_none_or(|wanted| wanted == have);
    filter.id.is_none_or(|id| id == letter.id)
        && filter.tenant.as_ref().is_none_or(|tenant| *tenant == letter.envelope.tenant)
        && same(&filter.endpoint, &letter.endpoint)
        && same(&filter.name, &letter.envelope.name)
        && same(&filter.code, &letter.code)
        && filter.message.is_none_or(|message| message == letter.envelope.id)
}

impl std::fmt::Debug for MemoryTransaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryTransaction").finish_non_exhaustive()
    }
}
