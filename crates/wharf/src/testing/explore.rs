//! Draws a saga: every state that a few sample events and its own timers lead to.

use std::{
    collections::{HashSet, VecDeque},
    fmt,
};

use super::instance::{Begun, Instance, name_of, timer_name};
use crate::{Code, Error, Saga, Step};

/// Walks every state of a saga that the samples lead to, in any order and however often, and returns the graph.
///
/// The samples are one event of each kind, or several where the saga tells them apart by more than their kind. Timers
/// need no sample: one that is armed may fire. The graph is drawn as a Mermaid `stateDiagram-v2` by its `Display`; what
/// changes nothing is not drawn. The same saga and samples always give the same text, so a test can hold a drawing in
/// the documentation against it.
///
/// ```
/// use std::time::Duration;
/// use serde::{Deserialize, Serialize};
/// use wharf::{Saga, Start, Step, begin, finish, stay, testing::explore, to};
///
/// struct Reservation;
///
/// #[derive(Debug, Clone, Serialize, Deserialize)]
/// enum State { Held, Taken, GivenAway }
///
/// #[derive(Debug, Clone)]
/// enum Event { Reserved, GuestsCame, TimeIsUp }
///
/// #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
/// enum Timer { TimeIsUp }
///
/// impl From<Timer> for Event {
///     fn from(Timer::TimeIsUp: Timer) -> Self { Self::TimeIsUp }
/// }
///
/// impl Saga for Reservation {
///     const NAME: &'static str = "table.reservation";
///     // ..
/// #   type Facts = (); type State = State; type Event = Event; type Change = (); type Timer = Timer;
/// #   fn start(&self, event: Event) -> Start<Self> {
/// #       match event {
/// #           Event::Reserved => begin((), to(State::Held).after(Duration::from_secs(1800), Timer::TimeIsUp)),
/// #           Event::GuestsCame | Event::TimeIsUp => Start::TooEarly,
/// #       }
/// #   }
/// #   fn step(&self, _: &mut (), state: State, event: Event) -> Step<Self> {
/// #       match (state, event) {
/// #           (State::Held, Event::GuestsCame) => finish(State::Taken),
/// #           (State::Held, Event::TimeIsUp) => finish(State::GivenAway),
/// #           _ => stay(),
/// #       }
/// #   }
/// }
///
/// let graph = explore(&Reservation, [Event::Reserved, Event::GuestsCame], 100)?;
/// assert_eq!(graph.to_string(), "\
/// stateDiagram-v2
///     [*] --> Held: Reserved
///     Held --> Taken: GuestsCame
///     Held --> GivenAway: ⏰ TimeIsUp
///     Taken --> [*]
///     GivenAway --> [*]
/// ");
/// # Ok::<(), wharf::Error>(())
/// ```
///
/// # Errors
/// `W0046` when there are more than `states_max` states, told apart by state, facts and armed timers.
pub fn explore<S: Saga<Event: Clone>>(
    saga: &S,
    samples: impl IntoIterator<Item = S::Event>,
    states_max: usize,
) -> Result<Graph, Error> {
    let samples: Vec<_> = samples.into_iter().collect();
    let mut walk = Walk::<S> { graph: Graph::default(), known: HashSet::new(), ahead: VecDeque::new(), states_max };
    for event in &samples {
        match Instance::begin(saga, event.clone()) {
            Begun::Instance(first, _) => {
                walk.graph.edge(None, first.state_name(), name_of(event));
                walk.meet(first)?;
            }
            Begun::Nowhere | Begun::TooEarly => {}
        }
    }
    while let Some(before) = walk.ahead.pop_front() {
        for event in &samples {
            walk.go(&before, name_of(event), before.happen(saga, event.clone()))?;
        }
        for &timer in &before.armed {
            walk.go(&before, timer_name(&timer), before.fire(saga, timer))?;
        }
    }
    Ok(walk.graph)
}

struct Walk<S: Saga> {
    graph: Graph,
    known: HashSet<String>,
    ahead: VecDeque<Instance<S>>,
    states_max: usize,
}

impl<S: Saga> Walk<S> {
    fn go(&mut self, before: &Instance<S>, event: String, (after, step): (Instance<S>, Step<S>)) -> Result<(), Error> {
        if !step.is_nothing() {
            self.graph.edge(Some(before.state_name()), after.state_name(), event);
        }
        self.meet(after)
    }

    fn meet(&mut self, instance: Instance<S>) -> Result<(), Error> {
        if !self.known.insert(instance.identity()) {
            return Ok(());
        }
        if self.known.len() > self.states_max {
            let (saga, states_max, state, facts) = (S::NAME, self.states_max, &instance.state, &instance.facts);
            let message =
                format!("saga `{saga}` has more than {states_max} states; the last is {state:?} of {facts:?}");
            return Err(Error::new(Code::SAGA_ENDLESS, message));
        }
        self.graph.states += 1;
        self.graph.name(instance.state_name(), instance.finished);
        self.ahead.push_back(instance);
        Ok(())
    }
}

/// What [`explore`] found. `to_string()` is Mermaid text that ends with a line break.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    /// Distinct states that were met, told apart by state, facts and armed timers. The drawing has one node for each
    /// name.
    pub states: usize,
    names: Vec<Name>,
    edges: Vec<Edge>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    name: String,
    last: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Edge {
    /// `None` is where instances begin.
    from: Option<String>,
    to: String,
    events: Vec<String>,
}

impl Graph {
    fn name(&mut self, name: String, last: bool) {
        match self.names.iter_mut().find(|known| known.name == name) {
            Some(known) => known.last |= last,
            None => self.names.push(Name { name, last }),
        }
    }

    fn edge(&mut self, from: Option<String>, to: String, event: String) {
        match self.edges.iter_mut().find(|edge| edge.from == from && edge.to == to) {
            Some(edge) if edge.events.contains(&event) => {}
            Some(edge) => edge.events.push(event),
            None => self.edges.push(Edge { from, to, events: vec![event] }),
        }
    }
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "stateDiagram-v2")?;
        for Name { name, .. } in self.names.iter().filter(|Name { name, .. }| id(name) != *name) {
            writeln!(f, "    state \"{name}\" as {}", id(name))?;
        }
        // The order in which a reader meets the states.
        let beginnings = self.edges.iter().filter(|edge| edge.from.is_none());
        let onward =
            self.names.iter().flat_map(|name| self.edges.iter().filter(|edge| edge.from.as_ref() == Some(&name.name)));
        for Edge { from, to, events } in beginnings.chain(onward) {
            let from = from.as_deref().map_or_else(|| "[*]".to_owned(), id);
            writeln!(f, "    {from} --> {}: {}", id(to), events.join(", "))?;
        }
        self.names.iter().filter(|name| name.last).try_for_each(|name| writeln!(f, "    {} --> [*]", id(&name.name)))
    }
}

/// A name as Mermaid takes it.
fn id(name: &str) -> String {
    name.chars().map(|one| if one.is_ascii_alphanumeric() { one } else { '_' }).collect()
}
