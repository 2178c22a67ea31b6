//! How long fulfilment waits, and how often it asks.

use std::time::Duration;

/// What the saga of an order is configured with. A change holds from the next event of each order on; timers that are armed
/// stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// From creation to the carrier's acceptance.
    pub overall: Duration,
    /// For news of a payment, before the provider is asked what became of it.
    pub payment: Duration,
    /// For the carrier to accept a parcel, each time it is asked.
    pub shipping: Duration,
    /// How often the carrier is asked again.
    pub shipping_retries_max: u8,
    /// From the carrier's acceptance to the customer's door.
    pub delivery: Duration,
    /// For a step back to be done. Its module has tried by itself for most of that time; then it is exhausted.
    pub undoing: Duration,
    /// Between the alarms over a step that is exhausted. With each, the step is asked for once more.
    pub alarm: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self {
            overall: 30 * minute,
            payment: 2 * minute,
            shipping: 5 * minute,
            shipping_retries_max: 2,
            delivery: 14 * 24 * 60 * minute,
            undoing: 10 * minute,
            alarm: 60 * minute,
        }
    }
}
