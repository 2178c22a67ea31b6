//! What can be configured about payments.

use std::time::Duration;

/// How long payments waits before it turns to the provider again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Before each call but the first, and up to a quarter more. After the last the provider counts as away.
    pub retry_delays: [Duration; 3],
    /// Until a provider that does not answer an inquiry is asked again. The order's expiry ends it.
    pub inquiry_period: Duration,
    /// Until a provider that does not answer a refund is asked again, for as long as it takes: nobody else asks for it.
    pub refund_period: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retry_delays: [1, 3, 7].map(Duration::from_secs),
            inquiry_period: Duration::from_secs(15),
            refund_period: Duration::from_secs(5 * 60),
        }
    }
}
