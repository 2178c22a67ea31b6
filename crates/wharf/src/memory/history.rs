//! The history of jobs, in memory.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use uuid::Uuid;

use super::Memory;
use crate::{
    Error, Kind, Tenant, Timestamp,
    memory::state::{Row, State},
    ports::{self, Lease, LogLine, Progress, Report, RunFilter, RunRecord, RunStatus},
};

type Id = (Tenant, Uuid);

/// What became of runs, and what they told.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Those that have ended.
    pub(super) runs: BTreeMap<Id, RunRecord>,
    lines: HashMap<Id, BTreeMap<Uuid, LogLine>>,
    /// Those that go on and have told something.
    told: HashMap<Id, Told>,
}

#[derive(Debug, Clone, Copy)]
struct Told {
    /// Of the lease under which it was told.
    epoch: i64,
    worker: Uuid,
    started_at: Option<Timestamp>,
    progress: Option<Progress>,
}

impl State {
    /// Writes down what the run of a delivery tells that is held by whoever tells it.
    pub(super) fn report(&mut self, lease: Lease, report: &Report, now: Timestamp) {
        let Some(row) = self.deliveries.get(&lease.id) else { return };
        let id = (row.envelope.tenant.clone(), row.envelope.id);
        let lines = self.history.lines.entry(id.clone()).or_default();
        lines.extend(report.lines.iter().map(|line| (line.id, line.clone())));
        match &report.end {
            Some(end) => {
                let run = RunRecord::of(&row.envelope, &row.body, end.status).ended(report, end, now);
                self.history.told.remove(&id);
                self.history.runs.insert(id, run);
            }
            None => {
                let started_at = report.took.map(|took| now - took);
                let told = Told { epoch: lease.epoch, worker: report.worker, started_at, progress: report.progress };
                self.history.told.insert(id, told);
            }
        }
    }

    fn active<'a>(&'a self, unique: Option<&'a str>) -> impl Iterator<Item = RunRecord> + 'a {
        let wanted = move |row: &&Row| unique.is_none_or(|key| row.unique.as_deref() == Some(key));
        self.deliveries.values().filter(|row| row.envelope.kind == Kind::Job).filter(wanted).map(|row| {
            let status = RunStatus::of_active(row.held, row.envelope.attempt);
            let mut run = RunRecord::of(&row.envelope, &row.body, status);
            if let Some(told) =
                self.history.told.get(&(run.tenant.clone(), run.id)).filter(|told| row.held && told.epoch == row.epoch)
            {
                (run.worker, run.started_at, run.progress) = (Some(told.worker), told.started_at, told.progress);
            }
            run.due_at = (!row.held).then_some(row.not_before);
            run
        })
    }
}

impl History {
    /// Forgets up to `max` runs that are old; how many it did.
    pub(super) fn prune(&mut self, max: usize, is_old: impl Fn(RunStatus, Timestamp) -> bool) -> usize {
        let old = self.runs.iter().filter(|(_, run)| run.ended_at.is_some_and(|at| is_old(run.status, at)));
        let old: Vec<_> = old.map(|(id, _)| id.clone()).take(max).collect();
        for id in &old {
            self.runs.remove(id);
            self.lines.remove(id);
        }
        old.len()
    }
}

fn matches(filter: &RunFilter, run: &RunRecord) -> bool {
    (filter.unique.is_none() || !run.status.has_ended())
        && filter.id.is_none_or(|id| id == run.id)
        && filter.tenant.as_ref().is_none_or(|tenant| *tenant == run.tenant)
        && filter.job.as_ref().is_none_or(|job| **job == *run.job)
        && filter
            .schedule
            .as_ref()
            .is_none_or(|name| run.trail.firing.as_ref().is_some_and(|one| *one.schedule == **name))
        && filter.admits(run.status)
        && filter.ended_before.is_none_or(|before| run.ended_at.is_none_or(|at| at < before))
}

#[async_trait]
impl ports::History for Memory {
    async fn report(&self, reports: &[(Lease, Report)]) -> Result<Vec<bool>, Error> {
        let mut state = self.lock().await;
        let now = self.shared.clock.now();
        let told = reports.iter().map(|(lease, report)| {
            let is_held = state.holds(*lease);
            if is_held {
                state.report(*lease, report, now);
            }
            is_held
        });
        Ok(told.collect())
    }

    async fn active(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, Error> {
        let state = self.lock().await;
        let runs = state.active(filter.unique.as_deref()).filter(|run| matches(filter, run));
        Ok(runs.take(filter.limit_rows() as usize).collect())
    }

    async fn ended(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, Error> {
        let state = self.lock().await;
        let mut runs: Vec<_> = state.history.runs.values().filter(|run| matches(filter, run)).cloned().collect();
        runs.sort_by_key(|run| std::cmp::Reverse((run.ended_at, run.id)));
        runs.truncate(filter.limit_rows() as usize);
        Ok(runs)
    }

    async fn lines(&self, tenant: &Tenant, run: Uuid, after: Option<Uuid>, max: u32) -> Result<Vec<LogLine>, Error> {
        let state = self.lock().await;
        let lines = state.history.lines.get(&(tenant.clone(), run)).into_iter().flat_map(BTreeMap::values);
        let later = lines.filter(|line| after.is_none_or(|after| line.id > after));
        Ok(later.take(max as usize).cloned().collect())
    }
}
