//! Schedules in memory, and what is deleted once it was kept long enough.

use std::sync::Arc;

use super::Memory;
use crate::{
    Error, Outgoing, Schedule, Tenant, Timestamp,
    memory::state::State,
    ports::{Retention, ScheduleChange, StoredSchedule, Ticked, Wakeups},
};

impl State {
    pub(super) fn declare_schedule(&mut self, schedule: &Schedule, now: Timestamp) {
        let id = (schedule.tenant.clone(), Arc::clone(&schedule.name));
        let declared = StoredSchedule::declared(self.schedules.get(&id), schedule, now);
        self.schedules.insert(id, declared);
    }
}

impl Memory {
    pub(super) async fn fire_schedule(
        &self,
        tenant: &Tenant,
        name: &str,
        outgoing: &[Outgoing],
    ) -> Result<Option<Ticked>, Error> {
        let mut state = self.lock().await;
        let now = self.shared.clock.now();
        let id = (tenant.clone(), Arc::from(name));
        let Some(stored) = state.schedules.get_mut(&id) else { return Ok(None) };
        let (mut ticked, outgoing) = stored.fire(now, outgoing)?;
        ticked.skipped = state.send(&outgoing, now);
        if let Some(stored) = state.schedules.get_mut(&id) {
            stored.skip(ticked.skipped);
        }
        self.wake(&outgoing);
        Ok(Some(ticked))
    }

    pub(super) async fn change_schedule(
        &self,
        tenant: &Tenant,
        name: &str,
        change: &ScheduleChange,
        who: &str,
    ) -> Result<Option<StoredSchedule>, Error> {
        let mut state = self.lock().await;
        let now = self.shared.clock.now();
        let Some(stored) = state.schedules.get_mut(&(tenant.clone(), Arc::from(name))) else { return Ok(None) };
        *stored = stored.changed(change, who, now)?;
        self.shared.wakeups.wake([&*Wakeups::schedule(name)]);
        Ok(Some(stored.clone()))
    }

    pub(super) async fn prune(&self, retention: &Retention, max: usize) -> u64 {
        let mut state = self.lock().await;
        let now = self.shared.clock.now();
        let is_old = |at: Timestamp, kept: std::time::Duration| at + kept <= now;
        let finished = state.finished.iter().filter(|(_, at)| is_old(**at, retention.finished_sagas));
        let finished: Vec<_> = finished.take(max).map(|(id, _)| id.clone()).collect();
        for id in &finished {
            state.finished.remove(id);
            state.sagas.remove(id);
        }
        let stored = state.schedules.iter();
        let forsaken = stored.filter(|(_, stored)| {
            let since = stored.next_at.or(stored.last_at).unwrap_or(stored.changed_at);
            stored.paused_at.is_none() && is_old(since, retention.forsaken_schedules)
        });
        let forsaken: Vec<_> = forsaken.take(max).map(|(id, _)| id.clone()).collect();
        forsaken.iter().for_each(|id| drop(state.schedules.remove(id)));
        let runs = state
            .history
            .prune(max, |status, ended_at| retention.of_runs(status).is_some_and(|kept| is_old(ended_at, kept)));
        (finished.len() + forsaken.len() + runs) as u64
    }
}
