//! All that is known while one delivery is handled; extractors take their parts from it.

use std::sync::Arc;

use crate::{Bus, Cancel, Delivery, Guard, Run, tx::SlotOwner};

/// One attempt at one delivery. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    pub(crate) delivery: Arc<Delivery>,
    /// Failed attempts before this one, those made in place included.
    pub(crate) failed_attempts: u32,
    /// Whether deliveries of its endpoint take turns.
    pub(crate) takes_turns: bool,
    pub(crate) slot: SlotOwner,
    pub(crate) bus: Bus,
    pub(crate) cancel: Cancel,
    /// Of a job.
    pub(crate) run: Option<Run>,
    /// Of its endpoint.
    pub(crate) guard: Option<Arc<dyn Guard>>,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("delivery", &self.delivery).finish_non_exhaustive()
    }
}
