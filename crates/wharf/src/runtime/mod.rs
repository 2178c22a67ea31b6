//! What runs while a worker runs.

mod deliver;
mod lookout;
mod pump;
mod refresh;
mod supervise;
mod survivors;
mod tick;
mod timers;
mod vitals;

pub(crate) use deliver::{Delivered, deliver};
pub(crate) use lookout::Lookout;
pub(crate) use pump::{Phase, pump};
pub(crate) use refresh::keep_routes;
pub(crate) use supervise::supervise;
pub(crate) use survivors::Survivors;
pub(crate) use tick::tick;
#[cfg(feature = "testing")]
pub(crate) use tick::{next_fire, send as send_tick};
pub(crate) use timers::fire_timers;
pub use vitals::{Vital, Vitals};

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
