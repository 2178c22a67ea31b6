//! One survivor of a crash at a time in this process: a poison message then has no neighbour to blame.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The permit to claim and run a survivor. All pumps of a worker share it; those who wait get it in their order.
#[derive(Debug)]
pub(crate) struct Survivors {
    permit: Arc<Semaphore>,
    runs: AtomicBool,
}

/// Leave to claim a survivor, and to run it if one comes. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Permit {
    survivors: Arc<Survivors>,
    _permit: OwnedSemaphorePermit,
}

impl Default for Survivors {
    fn default() -> Self {
        Self { permit: Arc::new(Semaphore::new(1)), runs: AtomicBool::new(false) }
    }
}

impl Survivors {
    /// The permit, if nobody has it.
    pub(crate) fn try_take(self: &Arc<Self>) -> Option<Permit> {
        let permit = Arc::clone(&self.permit).try_acquire_owned().ok()?;
        Some(Permit { survivors: Arc::clone(self), _permit: permit })
    }

    /// The permit, once those who asked before have had it.
    pub(crate) async fn take(self: Arc<Self>) -> Permit {
        match Arc::clone(&self.permit).acquire_owned().await {
            Ok(permit) => Permit { survivors: self, _permit: permit },
            // The semaphore is never closed.
            Err(_) => std::future::pending().await,
        }
    }

    /// Whether a survivor has the permit, and not only a claim that looks for one.
    pub(crate) fn is_running(&self) -> bool {
        self.runs.load(Ordering::Relaxed)
    }
}

impl Permit {
    /// A survivor came and keeps it.
    pub(crate) fn run(&self) {
        self.survivors.runs.store(true, Ordering::Relaxed);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.survivors.runs.store(false, Ordering::Relaxed);
    }
}
