//! The memory engine: the reference the other engines are held against, and the fastest way to test an application.
//!
//! One transaction at a time, as on SQLite. It stages what a transaction does and applies it at commit. Nothing survives
//! the process.

mod history;
mod instances;
mod schedules;
mod state;
mod store;
mod subscriptions;
mod transport;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{
    Clock, Error, Outgoing, SystemClock, Tx,
    ports::{InProcess, Transaction, Wakeups},
};

use state::State;
pub use store::MemoryTransaction;

/// An engine that lives in this process and is gone with it.
#[derive(Debug, Clone)]
pub struct Memory {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Arc<Mutex<State>>,
    wakeups: Wakeups,
    signals: Arc<InProcess>,
    clock: Arc<dyn Clock>,
}

impl Memory {
    /// An empty engine on the machine's clock.
    pub fn new() -> Self {
        Self::with_clock(SystemClock)
    }

    /// An empty engine on this clock.
    pub fn with_clock(clock: impl Clock) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let signals = Arc::new(InProcess::new(Arc::clone(&clock)));
        let shared = Shared { state: Arc::default(), wakeups: Wakeups::default(), signals, clock };
        Self { shared: Arc::new(shared) }
    }

    /// A value written by a handler through [`MemoryTx`], once committed.
    pub async fn get(&self, key: &str) -> Option<String> {
        self.lock().await.values.get(key).cloned()
    }

    async fn lock(&self) -> OwnedMutexGuard<State> {
        Arc::clone(&self.shared.state).lock_owned().await
    }

    fn wake(&self, outgoing: &[Outgoing]) {
        self.shared.wakeups.wake(outgoing);
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// Opens a [`Tx`] as one of the memory engine.
#[async_trait]
pub trait MemoryTx {
    /// The open transaction.
    ///
    /// # Errors
    /// `W0026` when the worker runs on another engine.
    async fn memory(&mut self) -> Result<&mut MemoryTransaction, Error>;
}

#[async_trait]
impl MemoryTx for Tx {
    async fn memory(&mut self) -> Result<&mut MemoryTransaction, Error> {
        let transaction: &mut dyn Transaction = self.open().await?;
        transaction
            .as_any()
            .downcast_mut()
            .ok_or_else(|| Error::new(crate::Code::WRONG_ENGINE, "this worker does not run on the memory engine"))
    }
}
