//! What can be configured about shipping.

use std::time::Duration;

/// How often a carrier that does not answer is asked again before the message is dead.
const RETRIES_MAX: u32 = 100;
/// Up to so much of each delay is added to it, or taken from the longest.
const JITTER: f64 = 0.25;

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
    /// And much longer by default, as the saga may be held up while the carrier is asked.
    pub fn patience(&self) -> Duration {
        let longest = self.retry_delay_max.div_f64(1.0 + JITTER);
        let delays = (0..RETRIES_MAX).map(|retry| {
            let doubled = 2_u32.checked_pow(retry).and_then(|times| self.retry_delay_min.checked_mul(times));
            doubled.map_or(longest, |delay| delay.min(longest))
        });
        delays.fold(Duration::ZERO, Duration::saturating_add)
    }

    pub(super) fn retry(&self) -> wharf::Retry {
        let Self { retry_delay_min, retry_delay_max } = *self;
        wharf::Retry::exponential("external", retry_delay_min, retry_delay_max, RETRIES_MAX).with_jitter(JITTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_default_a_silent_carrier_is_asked_for_longer_than_an_order_may_take() {
        let patience = Settings::default().patience();
        assert!(patience > Duration::from_secs(60 * 60), "{patience:?}, and an order expires after half an hour");
    }
}
