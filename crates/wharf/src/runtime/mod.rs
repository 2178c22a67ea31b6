//! What runs while a worker runs.

mod deliver;
mod lookout;
mod prune;
mod pump;
mod refresh;
mod schedule;
mod supervise;
mod survivors;
mod timers;
mod vitals;

pub(crate) use deliver::{Delivered, deliver};
pub(crate) use lookout::Lookout;
pub(crate) use prune::{PRUNE, PRUNE_EVERY, prune};
pub(crate) use pump::{Phase, pump};
pub(crate) use refresh::keep_routes;
#[cfg(feature = "testing")]
pub(crate) use schedule::fire as fire_schedule;
pub(crate) use schedule::{LOOK_EVERY, keep_schedule, sign};
pub(crate) use supervise::supervise;
pub(crate) use survivors::Survivors;
pub(crate) use timers::fire_timers;
pub use vitals::{Vital, Vitals, WorkerState};

use std::sync::Arc;

use crate::{Limits, bus::PostOffice, ports::Engine};

/// What all of a worker's tasks share.
#[derive(Debug, Clone)]
pub(crate) struct Runtime {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) post: Arc<PostOffice>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) vitals: Vitals,
    pub(crate) survivors: Arc<Survivors>,
}
