//! What wharf asks of an engine. Handlers never see these; engines implement them.

mod store;
mod transport;
mod wakeups;

pub use store::{DeadLetter, DeadLetterFilter, Fired, SagaId, SagaRow, Store, TimerArm, TimerFiring, Transaction};
pub use transport::{Claimed, Delivery, Depth, Lease, Outcome, Settlement, Transport};
pub use wakeups::{Bell, Ring, Wakeups};

/// A store and a transport in one database: the deletion of the delivery row is both the acknowledgement and the
/// deduplication, in the same transaction as the handler's own writes.
pub trait Engine: Store + Transport {}

impl<E: Store + Transport> Engine for E {}
