//! What the runs of jobs have to tell, on its way into their history.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::Runtime;
use crate::{
    Cancel, Code, Delivery, Error, Run,
    endpoint::EndpointDefinition,
    failure::Failure,
    ports::{Lease, Outcome, Report, RunEnd, RunStatus, Settlement},
};

/// What a run that goes on has to tell reaches its history so often.
pub(crate) const REPORT_EVERY: Duration = Duration::from_secs(1);

impl Runtime {
    /// The run that this delivery is, if it is one of a job.
    pub(crate) fn run_of(&self, endpoint: &EndpointDefinition, delivery: &Delivery, cancel: &Cancel) -> Option<Run> {
        let options = &endpoint.job.as_ref()?.options;
        let (retries_max, clock) = (options.retry.retries(), self.post.clock.clone());
        let worker = self.presence.worker;
        Some(Run::new(delivery, worker, retries_max, options.mirrors_logs, cancel, clock))
    }

    /// Waits for a job's handler, of which [`report_runs`] tells meanwhile.
    pub(crate) async fn reporting<T>(&self, lease: Lease, run: &Run, handler: impl Future<Output = T>) -> T {
        let _told = self.jobs.running.enter(lease, run);
        handler.await
    }
}

/// The runs of a worker that go on.
#[derive(Debug, Default)]
pub(crate) struct RunningJobs(Mutex<HashMap<Lease, Run>>);

/// One of them, until it is dropped.
struct Entered<'a>(&'a RunningJobs, Lease);

impl RunningJobs {
    fn enter(&self, lease: Lease, run: &Run) -> Entered<'_> {
        self.all().insert(lease, run.clone());
        Entered(self, lease)
    }

    /// Those that have something to tell.
    fn news(&self) -> Vec<(Run, (Lease, Report))> {
        let all = self.all();
        let told = all.iter().map(|(lease, run)| (run, *lease, run.report(None)));
        let news = told.filter(|(_, _, (_, has_news))| *has_news);
        news.map(|(run, lease, (report, _))| (run.clone(), (lease, report))).collect()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Lease, Run>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.all().remove(&self.1);
    }
}

/// Has what runs tell reach their history, those of all jobs of a worker together. What cannot be told now is told later, at
/// the latest with the run's end.
pub(crate) async fn report_runs(runtime: Runtime) -> Result<(), Error> {
    let (clock, limits) = (&runtime.post.clock, &runtime.limits);
    loop {
        clock.sleep_until(clock.now() + REPORT_EVERY).await;
        let (runs, reports): (Vec<_>, Vec<_>) = runtime.jobs.running.news().into_iter().unzip();
        for (runs, reports) in
            runs.chunks(limits.settle_batch_max_rows).zip(reports.chunks(limits.settle_batch_max_rows))
        {
            match runtime.engine.history().report(reports).await {
                // Of one that is no longer ours, whoever has it tells.
                Ok(ours) => {
                    let heard = runs.iter().zip(reports).zip(ours).filter(|(_, ours)| *ours);
                    heard.for_each(|((run, (_, report)), _)| run.heard(report));
                }
                Err(error) => tracing::debug!(error = error.chain(), "what runs have to tell did not arrive"),
            }
        }
    }
}

/// Lets a run's own log tell of a failure.
pub(crate) fn note_failure(run: &Run, attempt: u32, failure: &Failure, outcome: &Outcome) {
    match outcome {
        Outcome::Retry { delay, .. } => run.warn(format!("attempt {attempt} failed, again in {delay:?}: {failure}")),
        Outcome::Return { delay } if delay.is_zero() => run.info(format!("back to its queue: {failure}")),
        Outcome::Return { delay } => run.info(format!("put off for {delay:?}: {failure}")),
        Outcome::Unknown { .. } => run.warn(format!("waits: {failure}")),
        Outcome::DeadLetter { .. } if failure.code() == Code::CANCELLED => run.info("cancelled"),
        Outcome::Done | Outcome::DeadLetter { .. } => {
            run.error(format!("attempt {attempt} failed for good: {failure}"))
        }
    }
}

/// Has the settlement of a run that did not succeed tell what became of it. One that a person no longer wanted is nothing to
/// see to, and leaves no dead letter.
pub(crate) fn close(run: &Run, mut settlement: Settlement) -> Settlement {
    let end = end_of(&settlement.outcome);
    if end.as_ref().is_some_and(|end| end.status == RunStatus::Cancelled) {
        settlement.outcome = Outcome::Done;
    }
    let (report, _) = run.report(end);
    if report.end.is_some() || !report.lines.is_empty() {
        settlement.report = Some(Box::new(report));
    }
    settlement
}

/// What is told of a run whose good end the engine refused.
pub(crate) fn refused(report: &Report, outcome: &Outcome) -> Report {
    Report { end: end_of(outcome), ..report.clone() }
}

/// How a run ends by this, if it does.
fn end_of(outcome: &Outcome) -> Option<RunEnd> {
    match outcome {
        Outcome::DeadLetter { code, reason, attempt } => {
            Some(RunEnd::unwell(status_of(*code), *attempt, *code, reason.clone()))
        }
        Outcome::Done | Outcome::Retry { .. } | Outcome::Return { .. } | Outcome::Unknown { .. } => None,
    }
}

fn status_of(code: Code) -> RunStatus {
    match code {
        Code::CANCELLED => RunStatus::Cancelled,
        Code::HANDLER_TIMED_OUT => RunStatus::TimedOut,
        _ => RunStatus::Failed,
    }
}
