//! What runs while a worker runs.

mod alarm;
mod deliver;
mod firings;
mod inbox;
mod lookout;
mod presence;
mod probes;
mod prune;
mod pump;
mod refresh;
mod relay;
mod reporting;
mod schedule;
mod slots;
mod supervise;
mod survivors;
mod timers;
mod vitals;

pub(crate) use deliver::{Delivered, deliver};
pub(crate) use firings::Firings;
#[cfg(feature = "testing")]
pub(crate) use inbox::{Batch, Taken, done};
pub(crate) use inbox::{Ended, prune_inbox};
pub(crate) use lookout::Lookout;
pub(crate) use presence::{HEARTBEAT, Presence, SIGNALS, beat, hear, introduce, leave};
pub(crate) use probes::{PROBE_EVERY, PROBES, Probes, probe};
pub(crate) use prune::{PRUNE, PRUNE_EVERY, prune, prune_once};
pub(crate) use pump::{Phase, pump};
pub(crate) use refresh::keep_routes;
pub(crate) use relay::Relay;
pub(crate) use reporting::{RunningJobs, report_runs};
#[cfg(feature = "testing")]
pub(crate) use schedule::fire as fire_schedule;
pub(crate) use schedule::{LOOK_EVERY, keep_schedule, sign};
pub(crate) use supervise::supervise;
pub(crate) use survivors::Survivors;
pub(crate) use timers::fire_timers;
pub use vitals::{Vital, Vitals, WorkerState};

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::{
    Limits,
    bus::PostOffice,
    endpoint::EndpointDefinition,
    job::Filters,
    ports::{Engine, Signals, Transport},
};

/// What all of a worker's tasks share.
#[derive(Debug, Clone)]
pub(crate) struct Runtime {
    /// Keeps state, and carries messages unless there is a transport of another kind.
    pub(crate) engine: Arc<dyn Engine>,
    /// A transport of another kind than the engine.
    pub(crate) via: Option<Arc<dyn Transport>>,
    /// What carries signals, if the engine does not.
    pub(crate) signals: Option<Arc<dyn Signals>>,
    pub(crate) post: Arc<PostOffice>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) vitals: Vitals,
    pub(crate) survivors: Arc<Survivors>,
    pub(crate) presence: Arc<Presence>,
    pub(crate) jobs: Arc<Jobs>,
}

/// What the jobs of a worker share.
#[derive(Debug)]
pub(crate) struct Jobs {
    /// One for each that may run at once.
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) filters: Filters,
    pub(crate) running: RunningJobs,
}

impl Runtime {
    /// What carries deliveries to this worker's endpoints.
    pub(crate) fn transport(&self) -> Arc<dyn Transport> {
        match &self.via {
            Some(via) => Arc::clone(via),
            None => Arc::clone(&self.engine) as Arc<dyn Transport>,
        }
    }

    /// What carries signals between processes.
    pub(crate) fn signals(&self) -> Arc<dyn Signals> {
        self.signals.as_ref().map_or_else(|| self.engine.signals(), Arc::clone)
    }

    /// The same for the deliveries of an endpoint. Jobs wait in the store, whatever carries messages.
    pub(crate) fn serving(&self, endpoint: &EndpointDefinition) -> Self {
        let via = if endpoint.job.is_some() { None } else { self.via.clone() };
        Self { via, ..self.clone() }
    }

    /// The same for what is carried by the store itself: the outbox. What is relayed is not being handled, and cannot be
    /// cancelled half-way.
    pub(crate) fn of_the_store(&self) -> Self {
        Self { via: None, presence: Arc::default(), ..self.clone() }
    }
}
