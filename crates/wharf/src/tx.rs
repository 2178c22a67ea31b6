//! A delivery's transaction: opened at first use, committed by the runtime.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{
    Code, Error, Tenant,
    failure::{Failure, Verdict},
    ports::{Engine, Transaction},
};

/// The transaction of this delivery, or of this unit of work.
///
/// Nothing is opened until an engine's extension trait asks for the connection: `tx.sqlite().await?`,
/// `tx.postgres().await?`. It is committed by the runtime together with the settlement and with what was sent, and
/// rolled back when the handler fails. Hand `&mut tx` to your ports; do not move it out of the handler.
pub struct Tx {
    slot: OwnedMutexGuard<Slot>,
}

/// Where a delivery's transaction lives, so that the runtime can take it back after the handler.
pub(crate) struct Slot {
    engine: Arc<dyn Engine>,
    tenant: Tenant,
    open: Option<Box<dyn Transaction>>,
    /// Whether its commit is shared with no other.
    alone: bool,
    is_open: Arc<AtomicBool>,
}

/// The runtime's side of a slot.
#[derive(Clone)]
pub(crate) struct SlotOwner(Arc<Mutex<Slot>>);

impl Tx {
    /// The engine's transaction, opened if it is not yet. Engines use this in their extension traits.
    ///
    /// # Errors
    /// When the engine cannot open one; the handler passes it on and is retried.
    pub async fn open(&mut self) -> Result<&mut dyn Transaction, Error> {
        let slot = &mut *self.slot;
        let open = match slot.open.take() {
            Some(open) => open,
            None if slot.alone => slot.engine.begin_alone().await?,
            None => slot.engine.begin().await?,
        };
        slot.is_open.store(true, Ordering::Release);
        Ok(slot.open.insert(open).as_mut())
    }

    /// Makes this the slot's transaction, instead of one of the engine's opening.
    pub(crate) fn put(&mut self, transaction: Box<dyn Transaction>) {
        self.slot.is_open.store(true, Ordering::Release);
        self.slot.open = Some(transaction);
    }

    /// Whose data this transaction is about. Adapters bind it in every statement.
    pub fn tenant(&self) -> Tenant {
        self.slot.tenant.clone()
    }
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").field("open", &self.slot.open.is_some()).finish_non_exhaustive()
    }
}

impl SlotOwner {
    /// A slot whose openness others can see through `is_open`.
    pub(crate) fn new(engine: Arc<dyn Engine>, tenant: Tenant, is_open: Arc<AtomicBool>) -> Self {
        Self(Arc::new(Mutex::new(Slot { engine, tenant, open: None, alone: false, is_open })))
    }

    /// The same, for a transaction that nobody could run again, or that has just been run in vain with others.
    pub(crate) fn alone(engine: Arc<dyn Engine>, tenant: Tenant, is_open: Arc<AtomicBool>) -> Self {
        Self(Arc::new(Mutex::new(Slot { engine, tenant, open: None, alone: true, is_open })))
    }

    /// Lends the slot to a handler; only one at a time may hold it.
    pub(crate) fn lend(&self) -> Result<Tx, Failure> {
        match Arc::clone(&self.0).try_lock_owned() {
            Ok(slot) => Ok(Tx { slot }),
            Err(_) => Err(Failure::coded(
                Verdict::DeadLetter,
                Error::new(Code::TX_TWICE, "this handler already holds its Tx"),
            )),
        }
    }

    /// The engine the slot's transaction would be opened on.
    pub(crate) async fn engine(&self) -> Arc<dyn Engine> {
        Arc::clone(&self.0.lock().await.engine)
    }

    /// Takes the transaction back after the handler. A handler that let its `Tx` escape cannot be acknowledged.
    pub(crate) fn take_back(&self) -> Result<Option<Box<dyn Transaction>>, Failure> {
        match self.0.try_lock() {
            Ok(mut slot) => {
                slot.is_open.store(false, Ordering::Release);
                Ok(slot.open.take())
            }
            Err(_) => {
                let error = Error::new(Code::TX_LEAKED, "the handler ended but its Tx is still held elsewhere");
                Err(Failure::coded(Verdict::Retry, error))
            }
        }
    }
}
