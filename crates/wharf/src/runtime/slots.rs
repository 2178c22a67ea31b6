//! How many jobs run at once in one worker, whatever they are.

use std::sync::Arc;

use futures_util::{
    FutureExt,
    future::{BoxFuture, Fuse, FusedFuture},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Leave to hold one job. Dropping it gives it back.
pub(crate) type Slot = OwnedSemaphorePermit;

/// What a pump has of its worker's slots. What is not a job needs none.
///
/// A slot is taken before the claim, so that what cannot be run waits where another worker can take it. Pumps that find none
/// free queue for one, so that no job keeps another from ever being run.
pub(crate) struct Slots {
    shared: Option<Arc<Semaphore>>,
    /// Taken, and not yet given to a delivery.
    spare: Option<Slot>,
    pub(crate) coming: Fuse<BoxFuture<'static, Slot>>,
}

impl Slots {
    pub(crate) fn of(shared: Option<Arc<Semaphore>>) -> Self {
        Self { shared, spare: None, coming: Fuse::terminated() }
    }

    /// Takes up to so many for a claim; how many it got. `None` when none is free: then one is on its way.
    pub(crate) fn take(&mut self, most: usize) -> Option<usize> {
        let Some(shared) = self.shared.clone() else { return Some(most) };
        let more = shared.available_permits().min(most.saturating_sub(self.spare()));
        // Another pump may have been faster.
        let more = u32::try_from(more).ok().and_then(|more| Arc::clone(&shared).try_acquire_many_owned(more).ok());
        more.into_iter().for_each(|slots| self.add(slots));
        if self.spare() == 0 && self.coming.is_terminated() {
            self.coming = next(shared).boxed().fuse();
        }
        Some(self.spare()).filter(|spare| *spare > 0)
    }

    fn spare(&self) -> usize {
        self.spare.as_ref().map_or(0, Slot::num_permits)
    }

    /// Keeps one that came.
    pub(crate) fn add(&mut self, slot: Slot) {
        match &mut self.spare {
            Some(spare) => spare.merge(slot),
            None => self.spare = Some(slot),
        }
    }

    /// One for a delivery that was claimed.
    pub(crate) fn give(&mut self) -> Option<Slot> {
        self.spare.as_mut().and_then(|spare| spare.split(1))
    }

    /// Gives back what the claim did not need.
    pub(crate) fn give_back(&mut self) {
        self.spare = None;
    }
}

/// One, once those who asked before have had theirs.
async fn next(shared: Arc<Semaphore>) -> Slot {
    match shared.acquire_owned().await {
        Ok(slot) => slot,
        // The semaphore is never closed.
        Err(_) => std::future::pending().await,
    }
}
