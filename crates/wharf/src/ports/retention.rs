//! How long what is done with is kept.

use std::time::Duration;

use super::RunStatus;

/// How long what is done with is kept, by the engine's clock. What still goes on is kept for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Saga instances, from when they finished: until then their tombstones decide late events.
    pub finished_sagas: Duration,
    /// Schedules, from the due time at which nobody fired them any more.
    pub forsaken_schedules: Duration,
    /// Runs of jobs that succeeded, from their end; with what they logged.
    pub succeeded_runs: Duration,
    /// Runs that a person cancelled.
    pub cancelled_runs: Duration,
    /// Runs that failed or took too long.
    pub failed_runs: Duration,
}

impl Retention {
    /// For how long a run is kept that ended so.
    pub fn of_runs(&self, status: RunStatus) -> Option<Duration> {
        match status {
            RunStatus::Succeeded => Some(self.succeeded_runs),
            RunStatus::Cancelled => Some(self.cancelled_runs),
            RunStatus::Failed | RunStatus::TimedOut => Some(self.failed_runs),
            RunStatus::Queued | RunStatus::Running | RunStatus::Retrying => None,
        }
    }
}
