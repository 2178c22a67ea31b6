//! One alarm for all that its owner waits for, set anew only when the first of it changes.

use std::sync::Arc;

use futures_util::future::{BoxFuture, Fuse, FusedFuture, FutureExt};

use crate::{Clock, Timestamp};

/// A loop that is woken by many events would otherwise enter and cancel a timer with each.
pub(crate) struct Alarm {
    clock: Arc<dyn Clock>,
    at: Option<Timestamp>,
    /// Resolves when it rings; never while it is not set.
    pub(crate) rings: Fuse<BoxFuture<'static, ()>>,
}

impl Alarm {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, at: None, rings: Fuse::terminated() }
    }

    /// Has it ring at this moment and no other. One that has rung rings again.
    pub(crate) fn set(&mut self, at: Timestamp) {
        if self.at != Some(at) || self.rings.is_terminated() {
            self.at = Some(at);
            self.rings = self.clock.sleep_until(at).fuse();
        }
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::ManualClock;

    const SECOND: Duration = Duration::from_secs(1);

    fn rings(alarm: &mut Alarm) -> bool {
        (&mut alarm.rings).now_or_never().is_some()
    }

    #[test]
    fn it_rings_at_the_moment_it_was_set_to_last_and_at_no_other() {
        let clock = ManualClock::new();
        let mut alarm = Alarm::new(Arc::new(clock.clone()));
        let start = clock.now();
        clock.wind(SECOND);
        assert!(!rings(&mut alarm), "it was never set");
        alarm.set(start + SECOND * 2);
        alarm.set(start + SECOND * 4);
        clock.wind(SECOND * 2);
        assert!(!rings(&mut alarm), "it was set to another moment");
        clock.wind(SECOND);
        assert!(rings(&mut alarm));
        assert!(!rings(&mut alarm), "it rings once");
        alarm.set(start + SECOND * 4);
        assert!(rings(&mut alarm), "until it is set again");
        alarm.set(start + SECOND * 9);
        alarm.set(start + SECOND * 5);
        clock.wind(SECOND);
        assert!(rings(&mut alarm), "it was set to an earlier moment");
    }
}
