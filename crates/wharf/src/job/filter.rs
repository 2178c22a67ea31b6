//! What looks at every job of a worker, before and after its handler.

use std::{fmt, future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::FutureExt;

use super::Run;
use crate::{
    Clock, Code, Error,
    failure::{Failure, Result, Verdict},
};

/// So long one call of a filter may take.
const FILTER_MAX: Duration = Duration::from_secs(10);

/// Looks at every attempt of every job of a worker, before its handler and after it: to keep a record of them, or to hold
/// some back. Given to [`Worker::job_filter`](crate::Worker::job_filter).
///
/// ```
/// # use async_trait::async_trait;
/// # use wharf::{Failure, JobFilter, Result, Run, snooze};
/// # use std::time::Duration;
/// # use std::sync::atomic::{AtomicBool, Ordering};
/// /// While the shop is being moved, no job begins.
/// #[derive(Debug, Default)]
/// struct Moving(AtomicBool);
///
/// #[async_trait]
/// impl JobFilter for Moving {
///     async fn before(&self, _: &Run) -> Result {
///         if self.0.load(Ordering::Relaxed) { Err(snooze(Duration::from_secs(60))) } else { Ok(()) }
///     }
///
///     async fn after(&self, run: &Run, answer: &Result) {
///         if let Err(failure) = answer {
///             run.debug(format!("{} in attempt {}: {failure}", run.job(), run.attempt()));
///         }
///     }
/// }
/// ```
///
/// Filters are asked in the order in which they were added, and told in the opposite one. A call takes ten seconds at most.
#[async_trait]
pub trait JobFilter: fmt::Debug + Send + Sync + 'static {
    /// Before the handler. An error is the attempt's, as if the handler had returned it: the handler is not called, nor the
    /// filters behind this one.
    async fn before(&self, _run: &Run) -> Result {
        Ok(())
    }

    /// After the handler, or a filter behind this one, has answered, panicked, taken too long or been cancelled; before
    /// what it did is committed.
    async fn after(&self, _run: &Run, _answer: &Result) {}
}

/// A worker's filters.
#[derive(Debug, Default)]
pub(crate) struct Filters(Vec<Arc<dyn JobFilter>>);

impl Filters {
    pub(crate) fn add(&mut self, filter: impl JobFilter) {
        self.0.push(Arc::new(filter));
    }

    /// One attempt, with the filters around it.
    pub(crate) async fn around(&self, run: &Run, clock: &dyn Clock, attempt: impl Future<Output = Result>) -> Result {
        let (mut asked, mut answer) = (0, Ok(()));
        for filter in &self.0 {
            answer = within(clock, filter.before(run)).await.and_then(|answer| answer);
            if answer.is_err() {
                break;
            }
            asked += 1;
        }
        if answer.is_ok() {
            answer = attempt.await;
        }
        for filter in self.0[..asked].iter().rev() {
            if let Err(failure) = within(clock, filter.after(run, &answer)).await {
                tracing::error!(job = run.job(), run = %run.id(), %failure, "what a filter had to do after a job failed");
            }
        }
        answer
    }
}

/// One call of a filter, which neither hangs nor panics.
async fn within<T>(clock: &dyn Clock, call: impl Future<Output = T>) -> Result<T> {
    let failed = |code, message: String| Failure::coded(Verdict::Retry, Error::new(code, message));
    tokio::select! {
        biased;
        answer = AssertUnwindSafe(call).catch_unwind() => {
            answer.map_err(|_| failed(Code::HANDLER_PANICKED, "a filter panicked".to_owned()))
        }
        () = clock.sleep_until(clock.now() + FILTER_MAX) => {
            Err(failed(Code::HANDLER_TIMED_OUT, format!("a filter took longer than {FILTER_MAX:?}")))
        }
    }
}
