//! Signs of life: when each endpoint and background task began, looked, settled and stumbled, and whether the worker runs.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::Timestamp;

/// Signs of life of a worker's endpoints and background tasks. Cheap to clone; clones see the same.
#[derive(Debug, Clone, Default)]
pub struct Vitals(Arc<Mutex<Signs>>);

#[derive(Debug, Default)]
struct Signs {
    state: WorkerState,
    by_name: BTreeMap<String, Vital>,
}

/// Whether a worker runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerState {
    /// It does not, or not yet: this process only publishes.
    #[default]
    Idle,
    /// It takes deliveries in.
    Running,
    /// It was asked to stop: it takes nothing in and lets its handlers finish.
    Draining,
    /// It has stopped.
    Stopped,
}

/// Signs of life of one endpoint or background task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Vital {
    /// When the worker began to run it.
    pub began_at: Option<Timestamp>,
    /// When it last looked for work.
    pub looked_at: Option<Timestamp>,
    /// How long it waits at most, with nothing to do, before it looks again.
    pub looks_every: Duration,
    /// When it last failed and began again.
    pub stumbled_at: Option<Timestamp>,
    /// Deliveries settled since the worker started.
    pub settled: u64,
    /// When it last settled one.
    pub settled_at: Option<Timestamp>,
    /// Of an endpoint: since when it has held deliveries for which no handler was free.
    pub waits_since: Option<Timestamp>,
    /// Of an endpoint: how long its handlers may take.
    pub handlers_end_within: Option<Duration>,
}

impl Vitals {
    /// All signs of life, by name.
    pub fn all(&self) -> BTreeMap<String, Vital> {
        self.lock().by_name.clone()
    }

    /// Deliveries settled by all endpoints since the worker started.
    pub fn settled_total(&self) -> u64 {
        self.lock().by_name.values().map(|vital| vital.settled).sum()
    }

    /// Whether the worker runs.
    pub fn state(&self) -> WorkerState {
        self.lock().state
    }

    pub(crate) fn turn(&self, state: WorkerState) {
        self.lock().state = state;
    }

    /// From now on this background task is expected to look so often.
    pub(crate) fn expect_task(&self, name: &str, now: Timestamp, every: Duration) {
        self.with(name, |vital| (vital.began_at, vital.looks_every) = (Some(now), every));
    }

    /// From now on this endpoint is expected to settle what is due.
    pub(crate) fn expect_endpoint(&self, name: &str, now: Timestamp, handlers_end_within: Duration) {
        self.with(name, |vital| {
            (vital.began_at, vital.handlers_end_within) = (Some(now), Some(handlers_end_within));
        });
    }

    pub(crate) fn look(&self, name: &str, now: Timestamp, every: Duration) {
        self.with(name, |vital| (vital.looked_at, vital.looks_every) = (Some(now), every));
    }

    pub(crate) fn stumble(&self, name: &str, now: Timestamp) {
        self.with(name, |vital| vital.stumbled_at = Some(now));
    }

    pub(crate) fn settled(&self, name: &str, now: Timestamp, deliveries: u64) {
        if deliveries > 0 {
            self.with(name, |vital| {
                vital.settled += deliveries;
                vital.settled_at = Some(now);
            });
        }
    }

    pub(crate) fn wait(&self, name: &str, since: Option<Timestamp>) {
        self.with(name, |vital| vital.waits_since = since);
    }

    fn with(&self, name: &str, change: impl FnOnce(&mut Vital)) {
        let mut signs = self.lock();
        match signs.by_name.get_mut(name) {
            Some(vital) => change(vital),
            None => change(signs.by_name.entry(name.to_owned()).or_default()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Signs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
