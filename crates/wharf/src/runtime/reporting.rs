//! What the runs of jobs have to tell, on its way into their history.

use std::{future::Future, pin::pin, time::Duration};

use futures_util::future::{Either, select};

use super::Runtime;
use crate::{
    Cancel, Code, Delivery, Run,
    endpoint::EndpointDefinition,
    failure::Failure,
    ports::{Lease, Outcome, Report, RunEnd, RunStatus, Settlement},
};

/// What a run that goes on has to tell reaches its history so often.
const REPORT_EVERY: Duration = Duration::from_secs(1);

impl Runtime {
    /// The run that this delivery is, if it is one of a job.
    pub(crate) fn run_of(&self, endpoint: &EndpointDefinition, delivery: &Delivery, cancel: &Cancel) -> Option<Run> {
        let options = &endpoint.job.as_ref()?.options;
        let (retries_max, clock) = (options.retry.retries(), self.post.clock.clone());
        let worker = self.presence.worker;
        Some(Run::new(delivery, worker, retries_max, options.mirrors_logs, cancel, clock))
    }

    /// Waits for a job's handler, and reports meanwhile.
    pub(crate) async fn reporting<T>(&self, lease: Lease, run: &Run, handler: impl Future<Output = T>) -> T {
        let telling = async {
            loop {
                self.post.clock.sleep_until(self.post.clock.now() + REPORT_EVERY).await;
                self.tell(lease, run).await;
            }
        };
        match select(pin!(handler), pin!(telling)).await {
            Either::Left((answer, _)) => answer,
            Either::Right((never, _)) => never,
        }
    }

    /// What cannot be told now is told later, at the latest with the run's end.
    async fn tell(&self, lease: Lease, run: &Run) {
        let (report, has_news) = run.report(None);
        if !has_news {
            return;
        }
        match self.engine.history().report(lease, &report).await {
            Ok(true) => run.heard(&report),
            // Whoever has it now tells.
            Ok(false) => {}
            Err(error) => tracing::debug!(run = %run.id(), error = error.chain(), "a run's report did not arrive"),
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
