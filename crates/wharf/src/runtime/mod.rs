//! What runs while a worker runs.

mod deliver;
mod inbox;
mod lookout;
mod prune;
mod pump;
mod refresh;
mod relay;
mod schedule;
mod supervise;
mod survivors;
mod timers;
mod vitals;

pub(crate) use deliver::{Delivered, deliver};
#[cfg(feature = "testing")]
pub(crate) use inbox::{Batch, Taken, done};
pub(crate) use inbox::{Ended, prune_inbox};
pub(crate) use lookout::Lookout;
pub(crate) use prune::{PRUNE, PRUNE_EVERY, prune};
pub(crate) use pump::{Phase, pump};
pub(crate) use refresh::keep_routes;
pub(crate) use relay::Relay;
#[cfg(feature = "testing")]
pub(crate) use schedule::fire as fire_schedule;
pub(crate) use schedule::{LOOK_EVERY, keep_schedule, sign};
pub(crate) use supervise::supervise;
pub(crate) use survivors::Survivors;
pub(crate) use timers::fire_timers;
pub use vitals::{Vital, Vitals, WorkerState};

use std::sync::Arc;

use crate::{
    Limits,
    bus::PostOffice,
    ports::{Engine, Transport},
};

/// What all of a worker's tasks share.
#[derive(Debug, Clone)]
pub(crate) struct Runtime {
    /// Keeps state, and carries messages unless there is a transport of another kind.
    pub(crate) engine: Arc<dyn Engine>,
    /// A transport of another kind than the engine.
    pub(crate) via: Option<Arc<dyn Transport>>,
    pub(crate) post: Arc<PostOffice>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) vitals: Vitals,
    pub(crate) survivors: Arc<Survivors>,
}

impl Runtime {
    /// What carries deliveries to this worker's endpoints.
    pub(crate) fn transport(&self) -> Arc<dyn Transport> {
        match &self.via {
            Some(via) => Arc::clone(via),
            None => Arc::clone(&self.engine) as Arc<dyn Transport>,
        }
    }

    /// The same for what is carried by the store itself: the outbox.
    pub(crate) fn of_the_store(&self) -> Self {
        Self { via: None, ..self.clone() }
    }
}
