//! What wharf asks of an engine. Handlers never see these; engines implement them.

mod claim;
mod history;
mod in_process;
mod inbox;
mod instances;
mod job_type;
mod left_off;
mod retention;
mod schedules;
mod signals;
mod store;
mod subscriptions;
mod transport;
mod wakeups;

pub use claim::{Claim, Claimed, Delivery, Lease, Turns};
pub use history::{History, LogLevel, LogLine, Progress, Report, RunEnd, RunFilter, RunRecord, RunStatus};
pub use in_process::InProcess;
pub use inbox::{Burial, Ending, Outbox, Receipt, Round};
pub use instances::{SagaFilter, SagaRecord, SagaTimer};
pub use job_type::JobType;
pub use left_off::LeftOff;
pub use retention::Retention;
pub use schedules::{ScheduleChange, StoredSchedule, Tick, Ticked};
pub use signals::{Cancellation, Hear, Heartbeat, Signals};
pub use store::{
    DeadLetter, DeadLetterFilter, Fired, SagaId, SagaRow, Store, TimerArm, TimerFiring, Transaction, Transactions,
};
pub use subscriptions::{Declaration, Declared, Replacement, StoredSubscription, Subscription};
pub use transport::{Condition, Depth, Outcome, Settlement, Transport};
pub use wakeups::{Bell, Ring, Wakeups};

/// A store and a transport in one database: the deletion of the delivery row is both the acknowledgement and the
/// deduplication, in the same transaction as the handler's own writes.
pub trait Engine: Store + Transport {}

impl<E: Store + Transport> Engine for E {}
