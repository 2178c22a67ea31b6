//! Waking an idle endpoint in this process, the moment work for it was committed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Notify;

/// One bell per endpoint. A bell rung while nobody waits is heard by the next who does.
#[derive(Debug, Default)]
pub struct Wakeups {
    bells: Mutex<HashMap<Arc<str>, Arc<Notify>>>,
}

impl Wakeups {
    /// The name of the bell that rings when a saga timer was armed.
    pub const TIMERS: &'static str = "wharf.timers";
    /// The name of the bell that rings when subscriptions have changed.
    pub const ROUTES: &'static str = "wharf.routes";

    /// Rings the bells of these endpoints.
    pub fn wake<'a>(&self, endpoints: impl IntoIterator<Item = &'a str>) {
        let bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        for endpoint in endpoints {
            if let Some(bell) = bells.get(endpoint) {
                bell.notify_one();
            }
        }
    }

    /// Rings every bell: after a lost connection nobody knows what was missed.
    pub fn wake_all(&self) {
        let bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        bells.values().for_each(|bell| bell.notify_one());
    }

    /// The bell of one endpoint.
    pub fn bell(&self, endpoint: &str) -> Arc<Notify> {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        match bells.get(endpoint) {
            Some(bell) => Arc::clone(bell),
            None => Arc::clone(bells.entry(Arc::from(endpoint)).or_default()),
        }
    }
}
