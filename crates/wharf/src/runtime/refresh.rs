//! Draws the routes anew while the process runs, so that what it sends reaches consumers that only newer ones know.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use super::Runtime;
use crate::{
    Error,
    bus::PostOffice,
    job::KnownJobs,
    ports::{Engine, Subscription, Transport, Wakeups},
    routes::Routes,
};

/// How often a running worker says that it still consumes what it declared.
const CONFIRM_EVERY: Duration = Duration::from_secs(3600);
/// How often the jobs that others announce are looked at when nobody has rung: they are larger than routes, and only who
/// writes arguments by hand misses them.
const JOBS_EVERY: Duration = Duration::from_secs(60);

/// Looks when the table has changed, and now and then, for as long as anybody holds the worker or a client of it: a
/// process that only publishes runs nothing else.
pub(crate) fn keep_routes(runtime: &Runtime, consumes: Vec<Subscription>) -> tokio::task::AbortHandle {
    let keeper = Keeper {
        engine: Arc::downgrade(&runtime.engine),
        via: runtime.via.as_ref().map(Arc::downgrade),
        post: Arc::downgrade(&runtime.post),
        consumes,
    };
    let bell = runtime.engine.wakeups().bell(Wakeups::ROUTES);
    let (clock, vitals, every) =
        (Arc::clone(&runtime.post.clock), runtime.vitals.clone(), runtime.limits.fallback_poll);
    vitals.expect_task(Wakeups::ROUTES, clock.now(), every);
    let task = async move {
        let (mut confirm_at, mut jobs_at) = (clock.now() + CONFIRM_EVERY, clock.now() + JOBS_EVERY);
        loop {
            let has_rung = tokio::select! {
                _ = bell.notified() => true,
                () = clock.sleep_until(clock.now() + every) => false,
            };
            let (is_due, jobs_are_due) = (clock.now() >= confirm_at, has_rung || clock.now() >= jobs_at);
            match keeper.refresh(is_due, jobs_are_due).await {
                Ok(Kept::Gone) => return,
                Ok(Kept::Refreshed) => {
                    vitals.look(Wakeups::ROUTES, clock.now(), every);
                    if is_due {
                        confirm_at = clock.now() + CONFIRM_EVERY;
                    }
                    if jobs_are_due {
                        jobs_at = clock.now() + JOBS_EVERY;
                    }
                }
                Err(error) => {
                    vitals.stumble(Wakeups::ROUTES, clock.now());
                    tracing::warn!(error = error.chain(), "the routes stay as they were; trying again");
                }
            }
        }
    };
    tokio::spawn(task).abort_handle()
}

struct Keeper {
    engine: Weak<dyn Engine>,
    via: Option<Weak<dyn Transport>>,
    post: Weak<PostOffice>,
    consumes: Vec<Subscription>,
}

enum Kept {
    Refreshed,
    /// Nobody sends any more.
    Gone,
}

impl Keeper {
    async fn refresh(&self, confirm: bool, jobs: bool) -> Result<Kept, Error> {
        let (Some(engine), Some(post)) = (self.engine.upgrade(), self.post.upgrade()) else { return Ok(Kept::Gone) };
        if confirm {
            engine.confirm(&self.consumes).await?;
        }
        let stored = engine.subscriptions().await?;
        let subscriptions: Vec<_> = stored.into_iter().map(|stored| stored.subscription).collect();
        if let Some(via) = self.via.as_ref().and_then(Weak::upgrade) {
            via.know(&subscriptions);
        }
        post.routes.replace(Routes::of(&subscriptions));
        if jobs {
            post.jobs.replace(KnownJobs::of(engine.job_types().await?));
        }
        Ok(Kept::Refreshed)
    }
}
