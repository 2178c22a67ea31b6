//! Every run of a job is told in the log, beside its history.

use async_trait::async_trait;
use wharf::{JobFilter, Result, Run};

/// A line when an attempt begins, and one when it has ended.
#[derive(Debug)]
pub(crate) struct JobLog;

#[async_trait]
impl JobFilter for JobLog {
    async fn before(&self, run: &Run) -> Result {
        tracing::debug!(job = run.job(), run = %run.id(), attempt = run.attempt(), "job begins");
        Ok(())
    }

    async fn after(&self, run: &Run, answer: &Result) {
        let (job, id, attempt) = (run.job(), run.id(), run.attempt());
        match answer {
            Ok(()) => tracing::debug!(job, run = %id, attempt, "job is done"),
            Err(failure) => tracing::warn!(job, run = %id, attempt, error = %failure, "job failed"),
        }
    }
}
