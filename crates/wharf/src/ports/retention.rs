//! How long what is done with is kept.

use std::time::Duration;

/// How long what is done with is kept, by the engine's clock. What still goes on is kept for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Saga instances, from when they finished: until then their tombstones decide late events.
    pub finished_sagas: Duration,
    /// Schedules, from the due time at which nobody fired them any more.
    pub forsaken_schedules: Duration,
}
