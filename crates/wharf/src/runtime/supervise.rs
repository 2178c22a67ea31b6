//! Keeps a background task going: an error or a panic is logged and the task begins again, ever more slowly.

use std::{future::Future, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;

use super::Runtime;
use crate::Error;

const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A task that ran this long has recovered: the next failure waits the shortest pause again.
const STEADY_AFTER: Duration = Duration::from_secs(60);

/// Runs `task` until it ends well.
pub(crate) async fn supervise<F>(runtime: &Runtime, name: &str, task: impl Fn() -> F)
where
    F: Future<Output = Result<(), Error>>,
{
    let clock = &runtime.post.clock;
    let mut pause = PAUSE_MIN;
    loop {
        let began = clock.now();
        match AssertUnwindSafe(task()).catch_unwind().await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => tracing::error!(task = name, error = error.chain(), ?pause, "background task failed"),
            Err(_) => tracing::error!(task = name, ?pause, "background task panicked"),
        }
        if clock.now().since(began) > STEADY_AFTER {
            pause = PAUSE_MIN;
        }
        runtime.vitals.stumble(name, clock.now());
        clock.sleep_until(clock.now() + pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
