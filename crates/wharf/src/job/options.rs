//! How a job is run.

use std::time::Duration;

use crate::Retry;

/// How a job is run. The defaults: ten at once in each worker, five minutes each, and three retries after 10, 20 and 40
/// seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct JobOptions {
    pub(crate) max_parallel: usize,
    pub(crate) timeout: Duration,
    pub(crate) retry: Retry,
    pub(crate) mirrors_logs: bool,
}

impl Default for JobOptions {
    fn default() -> Self {
        Self {
            max_parallel: Self::MAX_PARALLEL,
            timeout: Duration::from_secs(300),
            retry: retries(3, Self::BASE_RETRY_DELAY),
            mirrors_logs: false,
        }
    }
}

impl JobOptions {
    pub(crate) const MAX_PARALLEL: usize = 10;
    pub(crate) const BASE_RETRY_DELAY: Duration = Duration::from_secs(10);

    /// So many run at once in one worker, as long as [`Worker::max_parallel_jobs`](crate::Worker::max_parallel_jobs) lets
    /// them.
    #[must_use]
    pub fn max_parallel(mut self, runs: usize) -> Self {
        self.max_parallel = runs;
        self
    }

    /// For so long one attempt may run. Then it is dropped, and the attempt has failed.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// After a failure it is tried so many times more: after `first_delay`, then twice that, and so on.
    #[must_use]
    pub fn retries(mut self, max: u32, first_delay: Duration) -> Self {
        self.retry = retries(max, first_delay);
        self
    }

    /// After a failure it is tried again by this policy.
    #[must_use]
    pub fn retry(mut self, policy: Retry) -> Self {
        self.retry = policy;
        self
    }

    /// What a run logs is told to `tracing`, too.
    #[must_use]
    pub fn mirror_logs(mut self) -> Self {
        self.mirrors_logs = true;
        self
    }
}

fn retries(max: u32, first_delay: Duration) -> Retry {
    // So many doublings of a second are longer than anybody waits.
    let last = first_delay.saturating_mul(2_u32.saturating_pow(max.saturating_sub(1).min(31)));
    Retry::exponential("job", first_delay, last, max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retry::Next;

    #[test]
    fn s004_10_the_defaults_are_ten_at_once_five_minutes_and_three_retries() {
        let options = JobOptions::default();
        assert_eq!((options.max_parallel, options.timeout), (10, Duration::from_secs(300)));
        assert_eq!((options.retry.retries(), options.mirrors_logs), (3, false));
        let after = |failures| match options.retry.after(failures, uuid::Uuid::nil()) {
            Next::After(delay) => Some(delay.as_secs()),
            Next::Now | Next::GiveUp => None,
        };
        assert_eq!([1, 2, 3, 4].map(after), [Some(10), Some(20), Some(40), None]);
    }
}
