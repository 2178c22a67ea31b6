//! A clock that stands still until it is wound.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::sync::watch;

use crate::{Clock, Timestamp};

/// A clock that stands still until it is wound. Clones show the same time.
#[derive(Debug, Clone)]
pub struct ManualClock {
    now: Arc<watch::Sender<Timestamp>>,
}

impl ManualClock {
    /// A clock that shows the first second of 2026, UTC.
    pub fn new() -> Self {
        Self { now: Arc::new(watch::Sender::new(Timestamp::from_micros(1_767_225_600_000_000))) }
    }

    /// Moves time on; whoever slept until then wakes.
    pub fn wind(&self, by: Duration) {
        self.now.send_modify(|now| *now = *now + by);
    }

    /// Moves time on to this moment; never back.
    pub fn wind_to(&self, moment: Timestamp) {
        self.now.send_modify(|now| *now = (*now).max(moment));
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut now = self.now.subscribe();
        Box::pin(async move {
            // Fails only when the clock is gone; then nobody winds it any more and the sleep has no end.
            if now.wait_for(|now| *now >= at).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}
