//! What can be configured about shipping.

use std::time::Duration;

/// How often a carrier that does not answer is asked again before the message is dead.
const RETRIES_MAX: u32 = 30;

/// How long shipping waits before it turns to a silent carrier again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Before the second call, and up to a quarter more; doubled before each that follows.
    pub retry_delay_min: Duration,
    /// Beyond this it is not doubled.
    pub retry_delay_max: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { retry_delay_min: Duration::from_secs(1), retry_delay_max: Duration::from_secs(60) }
    }
}

impl Settings {
    /// For how long a silent carrier is asked at the least. It must be longer than the saga waits: that calls the parcel
    /// back by then, and the next call finds that nothing is to leave, so that a carrier's bad hour leaves no dead letters.
    pub fn patience(&self) -> Duration {
        let delays = (0..RETRIES_MAX).map(|retry| {
            let doubled = 2_u32.checked_pow(retry).and_then(|times| self.retry_delay_min.checked_mul(times));
            doubled.map_or(self.retry_delay_max, |delay| delay.min(self.retry_delay_max))
        });
        delays.fold(Duration::ZERO, Duration::saturating_add)
    }

    pub(super) fn retry(&self) -> wharf::Retry {
        let Self { retry_delay_min, retry_delay_max } = *self;
        wharf::Retry::exponential("external", retry_delay_min, retry_delay_max, RETRIES_MAX).with_jitter(0.25)
    }
}
