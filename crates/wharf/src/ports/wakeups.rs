//! Waking an idle endpoint in this process, the moment work for it was committed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use crate::Outgoing;

/// One bell per endpoint. A bell rung while nobody waits is heard by the next who does.
#[derive(Debug, Default)]
pub struct Wakeups {
    bells: Mutex<HashMap<Arc<str>, Arc<Bell>>>,
}

/// Rings when something was committed for its endpoint.
#[derive(Debug, Default)]
pub struct Bell {
    rung: Notify,
    /// When the first of all that it rang for is due. Real time: it only spans the moment until it is heard.
    due_at: Mutex<Option<Instant>>,
}

/// That something was committed for an endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Ring<'a> {
    /// The endpoint, or the name of another bell.
    pub endpoint: &'a str,
    /// How long until it is due.
    pub delay: Duration,
}

impl Wakeups {
    /// The name of the bell that rings when a saga timer was armed.
    pub const TIMERS: &'static str = "wharf.timers";
    /// The name of the bell that rings when subscriptions have changed.
    pub const ROUTES: &'static str = "wharf.routes";

    /// The name of the bell that rings when leases of an endpoint may be lost, as with the connection that they hung on:
    /// whoever holds some asks at once which it has kept.
    pub fn leases(endpoint: &str) -> String {
        format!("wharf.leases:{endpoint}")
    }

    /// The name of the bell that rings when a schedule was changed.
    pub fn schedule(name: &str) -> String {
        format!("wharf.schedule:{name}")
    }

    /// Rings the bells of these endpoints.
    pub fn wake<'a>(&self, endpoints: impl IntoIterator<Item = impl Into<Ring<'a>>>) {
        let bells = self.bells();
        for ring in endpoints {
            let ring: Ring<'a> = ring.into();
            if let Some(bell) = bells.get(ring.endpoint) {
                bell.ring(ring.delay);
            }
        }
    }

    /// Rings every bell: after a lost connection nobody knows what was missed.
    pub fn wake_all(&self) {
        self.bells().values().for_each(|bell| bell.ring(Duration::ZERO));
    }

    /// The bell of one endpoint.
    pub fn bell(&self, endpoint: &str) -> Arc<Bell> {
        let mut bells = self.bells();
        match bells.get(endpoint) {
            Some(bell) => Arc::clone(bell),
            None => Arc::clone(bells.entry(Arc::from(endpoint)).or_default()),
        }
    }

    fn bells(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Bell>>> {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bell {
    fn ring(&self, delay: Duration) {
        let due_at = Instant::now() + delay;
        let mut earliest = self.due_at.lock().unwrap_or_else(PoisonError::into_inner);
        *earliest = Some(earliest.map_or(due_at, |earliest| earliest.min(due_at)));
        drop(earliest);
        self.rung.notify_one();
    }

    /// Resolves once it has rung, with how long it is until the first of what it rang for is due.
    pub async fn notified(&self) -> Duration {
        self.rung.notified().await;
        let due_at = self.due_at.lock().unwrap_or_else(PoisonError::into_inner).take();
        due_at.map_or(Duration::ZERO, |due_at| due_at.saturating_duration_since(Instant::now()))
    }
}

/// Due at once.
impl<'a> From<&'a str> for Ring<'a> {
    fn from(endpoint: &'a str) -> Self {
        Self { endpoint, delay: Duration::ZERO }
    }
}

impl<'a> From<&'a Outgoing> for Ring<'a> {
    fn from(outgoing: &'a Outgoing) -> Self {
        Self { endpoint: &outgoing.endpoint, delay: outgoing.delay }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bell_tells_how_soon_the_first_is_due() {
        let wakeups = Wakeups::default();
        let bell = wakeups.bell("inbox");
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        let ring = |delay| wakeups.wake([Ring { endpoint: "inbox", delay }]);

        ring(hours(9));
        ring(hours(2));
        ring(hours(5));
        let first = bell.notified().await;
        assert!(first > hours(1) && first <= hours(2), "{first:?}");

        ring(hours(9));
        wakeups.wake(["inbox"]);
        assert_eq!(bell.notified().await, Duration::ZERO);
    }
}
