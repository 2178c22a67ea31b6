//! Jobs from outside a handler: enqueueing them, and what became of their runs.

use std::sync::Arc;

use uuid::Uuid;

use super::{Job, queue};
use crate::{
    Client, Code, DeadLetterFilter, Draft, Envelope, Error, JobType, Kind, LogLine, Outgoing, Priority, RunFilter,
    RunRecord, RunStatus, Tenant, Timestamp, Trail,
};

impl Client {
    /// Enqueues one job in a commit of its own. Returns the id of its run. [`Client::post`] takes one with a delay, a time or
    /// a priority of its own, and within your transaction there is [`Bus::enqueue`](crate::Bus::enqueue).
    ///
    /// # Errors
    /// When its arguments cannot be written or are too large, or the engine does not take it.
    pub async fn enqueue<J: Job>(&self, tenant: &Tenant, job: J) -> Result<Uuid, Error> {
        self.post(tenant, &Draft::of(&job)).await
    }

    /// Enqueues a job unless one of its name and of this key waits or runs; see [`Draft::unique`].
    ///
    /// # Errors
    /// As [`Client::enqueue`].
    pub async fn enqueue_unique<J: Job>(&self, tenant: &Tenant, key: &str, job: J) -> Result<Enqueued, Error> {
        let draft = Draft::of(&job).unique(key);
        loop {
            let id = self.post(tenant, &draft).await?;
            if self.run(tenant, id).await?.is_some() {
                return Ok(Enqueued::New(id));
            }
            let before = RunFilter::default().tenant(tenant).job(J::NAME).unique(key);
            if let [run] = &self.runs(&before).await?[..] {
                return Ok(Enqueued::Already(run.id));
            }
            // What kept it out has just ended.
        }
    }

    /// Every job that workers have announced, by name, with the schema of its arguments. Those that [`Client::workers`] of
    /// today run have an endpoint `job:` and its name in their heartbeats.
    ///
    /// # Errors
    /// When the engine does not answer; so for the calls below.
    pub async fn job_types(&self) -> Result<Vec<JobType>, Error> {
        self.engine().job_types().await
    }

    /// The runs that match: first those that have not ended, the oldest first; then those that have, the last one first.
    /// For the next page of those, ask for what [ended before](RunFilter::ended_before) the last one.
    ///
    /// # Errors
    /// When the engine does not answer; so for the calls below.
    pub async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, Error> {
        let (history, limit) = (self.engine().history(), filter.limit_rows());
        let wants = |ended: bool| RunStatus::ALL.iter().any(|one| one.has_ended() == ended && filter.admits(*one));
        let mut runs = Vec::new();
        if wants(false) && filter.ended_before.is_none() {
            runs = history.active(filter).await?;
        }
        let left = limit.saturating_sub(u32::try_from(runs.len()).unwrap_or(u32::MAX));
        if wants(true) && left > 0 {
            runs.extend(history.ended(&RunFilter { limit: Some(left), ..filter.clone() }).await?);
        }
        Ok(runs)
    }

    /// One run, if there is one of this id, or its history is not yet gone.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn run(&self, tenant: &Tenant, id: Uuid) -> Result<Option<RunRecord>, Error> {
        // One that ends between two looks is found by the second.
        Ok(self.runs(&RunFilter::one(tenant, id)).await?.into_iter().next())
    }

    /// What a run logged, after this line if one is given; a thousand lines at most.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn run_log(&self, tenant: &Tenant, id: Uuid, after: Option<Uuid>) -> Result<Vec<LogLine>, Error> {
        self.engine().history().lines(tenant, id, after, RunFilter::LIMIT_MAX_ROWS).await
    }

    /// Runs once more what has ended: one that failed goes back to its queue under its own id, its dead letter with it; of
    /// any other a new run begins, with the same arguments. Returns the id of the run that is to come.
    ///
    /// # Errors
    /// `W0103` when there is no such run, `W0102` when it has not ended.
    pub async fn rerun(&self, tenant: &Tenant, id: Uuid) -> Result<Uuid, Error> {
        let unknown = || Error::new(Code::RUN_UNKNOWN, format!("run {id} of tenant `{tenant}`"));
        let run = self.run(tenant, id).await?.ok_or_else(unknown)?;
        if !run.status.has_ended() {
            return Err(Error::new(Code::RUN_NOT_ENDED, format!("run {id} is {}", run.status)));
        }
        let letter = DeadLetterFilter {
            tenant: Some(tenant.clone()),
            endpoint: Some(queue(&run.job).to_string()),
            message: Some(id),
            ..DeadLetterFilter::default()
        };
        if self.redrive(&letter).await? > 0 {
            return Ok(id);
        }
        let again = again(run, Arc::clone(self.source()), self.now());
        let id = again.envelope.id;
        self.engine().send(&[again]).await?;
        Ok(id)
    }
}

/// What became of a job that is to be the only one of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    /// It is enqueued: its run.
    New(Uuid),
    /// Another waits or runs: that one's run.
    Already(Uuid),
}

/// A new run of the same job, with the same arguments.
fn again(run: RunRecord, source: Arc<str>, now: Timestamp) -> Outgoing {
    let trail = Trail { causation: Some(run.id), source, ..run.trail };
    let envelope = Envelope {
        id: Uuid::now_v7(),
        version: run.version,
        kind: Kind::Job,
        key: run.key,
        tenant: run.tenant,
        sent_at: now,
        attempt: 0,
        crashes: 0,
        redrives: 0,
        priority: Priority::Normal,
        expires_at: None,
        trail,
        name: Arc::clone(&run.job),
    };
    Outgoing::new(queue(&run.job), envelope, run.args)
}
