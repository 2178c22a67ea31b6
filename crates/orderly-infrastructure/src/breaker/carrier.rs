//! A carrier whose silence is noticed.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use async_trait::async_trait;
use orderly_contracts::{TrackingNumber, orders::Line};
use orderly_shipping::{Carrier, CarrierError, Consignment, Progress, Recall, domain::ShipmentKey};

use super::UNANSWERED_MAX;

/// The same carrier, watched and not left in peace: a parcel that is not called back in time is on its way, so it is asked up
/// to a hundred times, a second to a minute apart.
pub struct WatchedCarrier {
    inner: Arc<dyn Carrier>,
    /// Calls in a row without an answer.
    unanswered: AtomicU32,
}

impl WatchedCarrier {
    /// Whoever asks it asks `inner`.
    pub fn new(inner: Arc<dyn Carrier>) -> Self {
        Self { inner, unanswered: AtomicU32::new(0) }
    }

    /// Whether it answered one of the last calls.
    pub fn answers(&self) -> bool {
        self.unanswered.load(Relaxed) < UNANSWERED_MAX
    }

    fn noted<T>(&self, answer: Result<T, CarrierError>) -> Result<T, CarrierError> {
        match &answer {
            Ok(_) => self.unanswered.store(0, Relaxed),
            Err(_) => drop(self.unanswered.fetch_add(1, Relaxed)),
        }
        answer
    }
}

#[async_trait]
impl Carrier for WatchedCarrier {
    async fn ship(&self, key: ShipmentKey, lines: &[Line]) -> Result<Consignment, CarrierError> {
        self.noted(self.inner.ship(key, lines).await)
    }

    async fn inquire(&self, key: ShipmentKey) -> Result<Option<Consignment>, CarrierError> {
        self.noted(self.inner.inquire(key).await)
    }

    async fn recall(&self, key: ShipmentKey) -> Result<Recall, CarrierError> {
        self.noted(self.inner.recall(key).await)
    }

    async fn track(&self, tracking: &TrackingNumber) -> Result<Progress, CarrierError> {
        self.noted(self.inner.track(tracking).await)
    }
}

impl fmt::Debug for WatchedCarrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedCarrier").field("unanswered", &self.unanswered).finish_non_exhaustive()
    }
}
