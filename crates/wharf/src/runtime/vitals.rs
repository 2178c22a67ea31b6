//! Signs of life: when each endpoint and background task last looked, settled and stumbled.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::Timestamp;

/// Signs of life of a worker's endpoints and background tasks. Cheap to clone; clones see the same.
#[derive(Debug, Clone, Default)]
pub struct Vitals(Arc<Mutex<BTreeMap<String, Vital>>>);

/// Signs of life of one endpoint or background task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Vital {
    /// When it last looked for work.
    pub looked_at: Option<Timestamp>,
    /// How long it waits at most, with nothing to do, before it looks again.
    pub looks_every: Duration,
    /// When it last failed and began again.
    pub stumbled_at: Option<Timestamp>,
    /// Deliveries settled since the worker started.
    pub settled: u64,
}

impl Vitals {
    /// All signs of life, by name.
    pub fn all(&self) -> BTreeMap<String, Vital> {
        self.lock().clone()
    }

    /// Deliveries settled by all endpoints since the worker started.
    pub fn settled_total(&self) -> u64 {
        self.lock().values().map(|vital| vital.settled).sum()
    }

    pub(crate) fn look(&self, name: &str, now: Timestamp, every: Duration) {
        self.with(name, |vital| (vital.looked_at, vital.looks_every) = (Some(now), every));
    }

    pub(crate) fn stumble(&self, name: &str, now: Timestamp) {
        self.with(name, |vital| vital.stumbled_at = Some(now));
    }

    pub(crate) fn settled(&self, name: &str, deliveries: u64) {
        self.with(name, |vital| vital.settled += deliveries);
    }

    fn with(&self, name: &str, change: impl FnOnce(&mut Vital)) {
        let mut vitals = self.lock();
        match vitals.get_mut(name) {
            Some(vital) => change(vital),
            None => change(vitals.entry(name.to_owned()).or_default()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vital>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
