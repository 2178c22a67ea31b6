//! Long-running work as one pure function: no I/O, no clock, no mocks.

mod consumer;
mod record;
mod step;
mod stored;

pub use consumer::SagaConsumer;
pub use record::Recorder;
pub use step::{Next, Start, Step, TimerChange, begin, finish, stay, to};
pub use stored::Stored;
pub(crate) use stored::{read_stored, state_name};

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};

/// Work that outlives any one message: a state machine whose every event is decided in every state.
///
/// `start` and `step` are pure. What they return is data; the runtime applies it, together with the state and what the
/// module's [`Recorder`] writes, in the one transaction of the delivery. Write one function per state with a `match`
/// that has no wildcard: then an event that some state forgets does not compile.
///
/// The saga itself is a value that is made once, with the module: it holds what can be configured, such as how long to
/// wait and how often to ask. Where nothing can be, it is a unit struct.
///
/// See `examples/saga.rs` for a whole one. As it is pure, a test can look at all of it: `wharf::testing::explore` draws
/// it, and `wharf::testing::Check` proves rules in every state that it reaches under duplicates, losses, reordering and
/// crashes.
pub trait Saga: Sized + Send + Sync + 'static {
    /// The name instances are stored under.
    const NAME: &'static str;
    /// Raised when what older code stored no longer reads as facts and state, or reads as something else; then
    /// [`migrate`](Saga::migrate) brings instances in flight up to it. Never lowered.
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
    fn start(&self, event: Self::Event) -> Start<Self>;

    /// Decides an event.
    fn step(&self, facts: &mut Self::Facts, state: Self::State, event: Self::Event) -> Step<Self>;

    /// Brings an instance that version `from` of the code stored to version `from + 1`; asked step by step until it is
    /// of [`VERSION`](Saga::VERSION). That happens when the next event arrives, in the transaction of that event.
    ///
    /// Pure as `step` is. `None` says that there is no way on: the events of the instance then wait for code that
    /// knows one, as those of an instance that newer code stored do, and are dead-lettered with `W0023` in the end.
    /// Timers stay armed under their names, so keep a timer's variant for as long as one may be armed.
    ///
    /// ```
    /// # use wharf::{Saga, Start, Step, Stored};
    /// # struct Fulfilment;
    /// # #[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)] enum Timer {}
    /// # #[derive(Debug)] enum Event {}
    /// # impl From<Timer> for Event { fn from(timer: Timer) -> Self { match timer {} } }
    /// impl Saga for Fulfilment {
    /// #   const NAME: &'static str = "orders.fulfilment";
    /// #   type Facts = (); type State = (); type Event = Event; type Change = (); type Timer = Timer;
    /// #   fn start(&self, event: Event) -> Start<Self> { match event {} }
    /// #   fn step(&self, _: &mut (), _: (), event: Event) -> Step<Self> { match event {} }
    ///     const VERSION: u16 = 3;
    ///
    ///     fn migrate(from: u16, mut stored: Stored) -> Option<Stored> {
    ///         match from {
    ///             1 => stored.facts["currency"] = "EUR".into(), // before there were others
    ///             2 if stored.state == "Packed" => stored.state = "Shipped".into(),
    ///             2 => {}
    ///             _ => return None,
    ///         }
    ///         Some(stored)
    ///     }
    ///     // ..
    /// }
    /// ```
    fn migrate(from: u16, stored: Stored) -> Option<Stored> {
        let _ = (from, stored);
        None
    }
}
