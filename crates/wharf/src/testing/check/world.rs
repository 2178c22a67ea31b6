//! What a rule looks at.

use std::fmt;

use super::{
    Environment,
    known::Known,
    search::{Flying, Node},
};
use crate::{
    Saga,
    testing::instance::{Instance, timer_name},
};

/// One state of a saga and all around it, as a rule sees it.
pub struct World<'a, E: Environment> {
    /// The model around the saga.
    pub environment: &'a E,
    instance: Option<&'a Instance<E::Saga>>,
    node: &'a Node,
    known: &'a Known<E>,
}

impl<'a, E: Environment> World<'a, E> {
    pub(super) fn new(node: &'a Node, known: &'a Known<E>) -> Self {
        let environment = known.environment_of(node.environment);
        Self { environment, instance: known.instance_of(node.instance), node, known }
    }

    /// Where the saga stands; `None` before it has begun.
    pub fn state(&self) -> Option<&'a <E::Saga as Saga>::State> {
        self.instance.map(|instance| &instance.state)
    }

    /// What its states share; `None` before it has begun.
    pub fn facts(&self) -> Option<&'a <E::Saga as Saga>::Facts> {
        self.instance.map(|instance| &instance.facts)
    }

    /// Whether it has come to its end.
    pub fn is_finished(&self) -> bool {
        self.instance.is_some_and(|instance| instance.finished)
    }

    /// The timers that are armed.
    pub fn armed(&self) -> &'a [<E::Saga as Saga>::Timer] {
        self.instance.map_or(&[], |instance| &instance.armed)
    }

    /// What is under way: messages by their names on the wire, events by those of their variants. Each as often as it
    /// flies.
    pub fn in_flight(&self) -> Vec<String> {
        let flying = self.node.flying.iter();
        let names = flying.filter_map(|flying| match *flying {
            Flying::Outside(_) => None,
            Flying::Event(event) => Some(self.known.event_name(event)),
            Flying::Message(message) => Some(self.known.message_name(message).to_owned()),
        });
        names.collect()
    }
}

/// A few lines for a person.
impl<E: Environment> fmt::Display for World<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.instance {
            None => writeln!(f, "  saga: not begun")?,
            Some(Instance { facts, state, finished, .. }) => {
                let finished = if *finished { ", finished" } else { "" };
                writeln!(f, "  saga: {state:?}{finished}, with {facts:?}")?;
            }
        }
        writeln!(f, "  around it: {:?}", self.environment)?;
        let waits = self.in_flight().into_iter().chain(self.armed().iter().map(timer_name));
        let waits: Vec<_> = waits.collect();
        write!(f, "  still to come: {}", if waits.is_empty() { "nothing".to_owned() } else { waits.join(", ") })
    }
}

impl<E: Environment> fmt::Debug for World<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("state", &self.state())
            .field("facts", &self.facts())
            .field("finished", &self.is_finished())
            .field("armed", &self.armed())
            .field("in_flight", &self.in_flight())
            .field("environment", self.environment)
            .finish()
    }
}
