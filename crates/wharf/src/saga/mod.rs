//! Long-running work as one pure function: no I/O, no clock, no mocks.

mod consumer;
mod record;
mod step;

pub use consumer::SagaConsumer;
pub use record::Recorder;
pub use step::{Next, Start, Step, TimerChange, begin, finish, stay, to};

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};

/// Work that outlives any one message: a state machine whose every event is decided in every state.
///
/// `start` and `step` are pure. What they return is data; the runtime applies it, together with the state and what the
/// module's [`Recorder`] writes, in the one transaction of the delivery. Write one function per state with a `match`
/// that has no wildcard: then an event that some state forgets does not compile.
///
/// See `examples/saga.rs` for a whole one.
pub trait Saga: Sized + Send + Sync + 'static {
    /// The name instances are stored under.
    const NAME: &'static str;
    /// Raised when stored states or facts change their meaning.
    const VERSION: u16 = 1;
    /// What every state shares: the order, its customer, its lines.
    type Facts: Serialize + DeserializeOwned + Clone + Debug + Send + Sync;
    /// Where it stands.
    type State: Serialize + DeserializeOwned + Clone + Debug + Send + Sync;
    /// All that can happen to it. Timers happen to it too.
    type Event: From<Self::Timer> + Debug + Send;
    /// What a step wants written in the module's own tables.
    type Change: Debug + Send + Sync;
    /// The timers an instance may have, each at most once at a time: an enum of unit variants.
    type Timer: Serialize + DeserializeOwned + Copy + Debug + PartialEq + Send + Sync;

    /// Decides an event for which there is no instance yet.
    fn start(event: Self::Event) -> Start<Self>;

    /// Decides an event.
    fn step(facts: &mut Self::Facts, state: Self::State, event: Self::Event) -> Step<Self>;
}
