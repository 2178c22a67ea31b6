//! Checks a saga, together with what surrounds it, against everything that may go wrong.

mod environment;
mod hasher;
mod known;
mod report;
mod search;
mod tell;
mod world;

pub use environment::{Chance, Environment};
pub use report::Report;
pub use world::World;

use std::{fmt, rc::Rc};

use crate::Saga;
use search::Search;

type Event<E> = <<E as Environment>::Saga as Saga>::Event;

/// Looks at every state that a saga and its [`Environment`] can reach together, and holds rules against each.
///
/// Messages may be slow, and timers fire at any moment at which they are armed. Beyond that, trouble is allowed for one
/// kind at a time: [`duplicates`](Check::duplicates), [`losses`](Check::losses), [`crashes`](Check::crashes) and
/// [`reordering`](Check::reordering). The search goes nearest first, so the history it reports is a shortest one.
///
/// What comes too early waits, as in the runtime; a stale timer never reaches a saga; a step is one commit. A saga that
/// is neither finished nor waits for anything breaks a rule of its own: "a saga that is not finished waits for
/// something". A circle that never ends is no broken rule.
///
/// ```
/// use std::time::Duration;
/// use serde::{Deserialize, Serialize};
/// use wharf::testing::{Chance, Check, Environment};
/// use wharf::{Draft, Key, Kind, Message, Saga, Start, Step, begin, finish, stay, to};
///
/// # #[derive(Serialize, Deserialize)]
/// # struct Charge {}
/// # impl Message for Charge {
/// #     const NAME: &'static str = "payments.charge";
/// #     const KIND: Kind = Kind::Command;
/// #     fn key(&self) -> Key { Key::new("order", 1) }
/// # }
/// # #[derive(Debug, Clone, Serialize, Deserialize)]
/// # enum State { Paying, Paid }
/// #[derive(Debug, Clone)]
/// enum Event { Placed, Charged, Slow }
/// # #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
/// # enum Timer { Slow }
/// # impl From<Timer> for Event {
/// #     fn from(Timer::Slow: Timer) -> Self { Self::Slow }
/// # }
/// struct Order;
///
/// impl Saga for Order {
///     // ..
/// #   const NAME: &'static str = "shop.order";
/// #   type Facts = (); type State = State; type Event = Event; type Change = (); type Timer = Timer;
/// #   fn start(&self, event: Event) -> Start<Self> {
/// #       match event {
/// #           Event::Placed => begin((), ask()),
/// #           Event::Charged | Event::Slow => Start::TooEarly,
/// #       }
/// #   }
///     fn step(&self, _: &mut (), state: State, event: Event) -> Step<Self> {
///         match (state, event) {
///             (State::Paying, Event::Charged) => finish(State::Paid),
///             (State::Paying, Event::Slow) => ask(), // asks again, under the same key or not?
///             (State::Paying, Event::Placed) | (State::Paid, Event::Placed | Event::Charged | Event::Slow) => stay(),
///         }
///     }
/// }
///
/// fn ask() -> Step<Order> {
///     to(State::Paying).send(Charge {}).after(Duration::from_secs(60), Timer::Slow)
/// }
///
/// /// A payment provider that charges whenever it is asked.
/// #[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
/// struct Provider { charges: u8 }
///
/// impl Environment for Provider {
///     type Saga = Order;
///
///     fn receive(&mut self, _: &Draft, _: &mut Chance) -> Vec<Event> {
///         self.charges += 1;
///         vec![Event::Charged]
///     }
/// }
///
/// let report = Check::new(Order, Provider::default())
///     .begin_with([Event::Placed])
///     .invariant("nobody pays twice", |world| world.environment.charges < 2)
///     .run();
///
/// assert_eq!(report.broken(), Some("nobody pays twice"));
/// assert_eq!(report.history(), [
///     "Placed → Paying, sends payments.charge, arms ⏰ Slow",
///     "payments.charge is received, answered by Charged",
///     "⏰ Slow → Paying, sends payments.charge, arms ⏰ Slow",
///     "payments.charge is received, answered by Charged",
/// ]);
/// ```
///
/// The saga and its environment are pure, so each is asked once about each thing and remembered. States are told apart
/// by facts and state as JSON, armed timers, what is under way, and the environment's `Eq`; events by their `Debug`
/// text, which must therefore show all that the saga decides by.
#[must_use = "nothing is checked before `run`"]
pub struct Check<E: Environment> {
    saga: Rc<E::Saga>,
    environment: E,
    first: Vec<Event<E>>,
    outside: Vec<Event<E>>,
    recurring: Vec<Event<E>>,
    duplicates: u8,
    losses: u8,
    crashes: u8,
    reordering: bool,
    /// Timers fire only while fewer than this many things are under way.
    timers_below: usize,
    states_max: usize,
    invariants: Vec<Rule<E>>,
    at_rest: Vec<Rule<E>>,
    resting_places: Vec<Box<Predicate<E>>>,
}

type Predicate<E> = dyn Fn(&World<'_, E>) -> bool;

struct Rule<E: Environment> {
    name: String,
    holds: Box<Predicate<E>>,
}

impl<E: Environment> Check<E> {
    /// A check of this saga within this environment, in which nothing goes wrong yet.
    pub fn new(saga: E::Saga, environment: E) -> Self {
        Self {
            saga: Rc::new(saga),
            environment,
            first: Vec::new(),
            outside: Vec::new(),
            recurring: Vec::new(),
            duplicates: 0,
            losses: 0,
            crashes: 0,
            reordering: false,
            timers_below: usize::MAX,
            states_max: 1_000_000,
            invariants: Vec::new(),
            at_rest: Vec::new(),
            resting_places: Vec::new(),
        }
    }

    /// What starts the saga. Under way from the beginning, and not lost before the saga has begun.
    pub fn begin_with(mut self, events: impl IntoIterator<Item = Event<E>>) -> Self {
        self.first.extend(events);
        self
    }

    /// What may happen from outside: each at any moment, once or never. Name it twice and it may happen twice.
    pub fn may_happen(mut self, events: impl IntoIterator<Item = Event<E>>) -> Self {
        self.outside.extend(events);
        self
    }

    /// What happens from outside at any moment, again and again, such as a sweep. A saga that waits for it does not
    /// hang.
    pub fn keeps_happening(mut self, events: impl IntoIterator<Item = Event<E>>) -> Self {
        self.recurring.extend(events);
        self
    }

    /// At most this many of the messages and events that are delivered are delivered once more, at any later moment.
    pub fn duplicates(mut self, most: u8) -> Self {
        self.duplicates = most;
        self
    }

    /// At most this many of the messages and events under way never arrive.
    pub fn losses(mut self, most: u8) -> Self {
        self.losses = most;
        self
    }

    /// The process dies at most this often. Before the commit of a step: then nothing of it happened and its event
    /// comes again, which is a state that was seen before. After a commit and before its acknowledgement: the event
    /// or message comes again. And within the environment, wherever it asks [`Chance::crash`].
    pub fn crashes(mut self, most: u8) -> Self {
        self.crashes = most;
        self
    }

    /// What is under way arrives in any order. Without it, events reach the saga in the order in which they were sent,
    /// and messages the environment.
    pub fn reordering(mut self) -> Self {
        self.reordering = true;
        self
    }

    /// Timers fire only when nothing is under way: everything else is faster.
    pub fn timers_last(self) -> Self {
        self.timers_below(1)
    }

    /// Timers fire only while fewer than this many messages and events are under way. A saga that asks again whenever
    /// its timer fires has no end of states without it.
    pub fn timers_below(mut self, in_flight: usize) -> Self {
        self.timers_below = in_flight;
        self
    }

    /// A rule that holds in every state.
    pub fn invariant(mut self, name: impl Into<String>, holds: impl Fn(&World<'_, E>) -> bool + 'static) -> Self {
        self.invariants.push(Rule { name: name.into(), holds: Box::new(holds) });
        self
    }

    /// A rule that holds wherever nothing happens any more by itself: nothing is under way, no timer is armed, and
    /// what [keeps happening](Check::keeps_happening) changes nothing.
    pub fn at_rest(mut self, name: impl Into<String>, holds: impl Fn(&World<'_, E>) -> bool + 'static) -> Self {
        self.at_rest.push(Rule { name: name.into(), holds: Box::new(holds) });
        self
    }

    /// Where a saga that is not finished may rest all the same, such as one that waits for a person.
    pub fn may_rest(mut self, here: impl Fn(&World<'_, E>) -> bool + 'static) -> Self {
        self.resting_places.push(Box::new(here));
        self
    }

    /// The search gives up beyond this many states, which is no proof. Default 1,000,000; each takes some 200 bytes.
    pub fn states_max(mut self, states: usize) -> Self {
        self.states_max = states;
        self
    }

    /// Looks at every state.
    pub fn run(self) -> Report {
        Search::new(&self).run()
    }
}

impl<E: Environment> fmt::Debug for Check<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules: Vec<_> = self.invariants.iter().chain(&self.at_rest).map(|rule| &rule.name).collect();
        f.debug_struct("Check").field("environment", &self.environment).field("rules", &rules).finish_non_exhaustive()
    }
}
