//! What a saga answers: the next state, and effects as data.

use std::time::Duration;

use super::Saga;
use crate::{Draft, Kind, Message};

/// What follows from an event: where the instance goes, and what is to happen in the same commit.
#[derive(Debug)]
#[must_use = "a step has no effect unless it is returned"]
pub struct Step<S: Saga> {
    /// Where it goes.
    pub next: Next<S::State>,
    /// What the recorder writes, in order.
    pub changes: Vec<S::Change>,
    /// What is sent, in order.
    pub messages: Vec<Draft>,
    /// Timers armed and disarmed, in order.
    pub timers: Vec<TimerChange<S::Timer>>,
}

/// Where an instance goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next<State> {
    /// It stays where it is.
    Stay,
    /// On to another state.
    To(State),
    /// To its last state. Its timers go; the row stays as a tombstone, and late events are still decided.
    Finish(State),
}

/// A timer armed, or taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimerChange<Timer> {
    /// Fires after this long; one already armed under this name is replaced.
    Arm(Timer, Duration),
    /// Does not fire.
    Disarm(Timer),
}

/// What follows from an event that finds no instance.
#[derive(Debug)]
pub enum Start<S: Saga> {
    /// A new instance.
    Begin {
        /// What every state shares.
        facts: S::Facts,
        /// Its first step; it must go somewhere.
        step: Step<S>,
    },
    /// The event came before the one that starts the instance: it is tried again, then dead-lettered.
    TooEarly,
}

/// A new instance, beginning with this step.
pub fn begin<S: Saga>(facts: S::Facts, step: Step<S>) -> Start<S> {
    Start::Begin { facts, step }
}

/// On to another state.
pub fn to<S: Saga>(state: S::State) -> Step<S> {
    Step::going(Next::To(state))
}

/// Nothing changes: a duplicate or a late event, ignored on purpose. Effects may still be added.
pub fn stay<S: Saga>() -> Step<S> {
    Step::going(Next::Stay)
}

/// To the last state.
pub fn finish<S: Saga>(state: S::State) -> Step<S> {
    Step::going(Next::Finish(state))
}

impl<S: Saga> Step<S> {
    fn going(next: Next<S::State>) -> Self {
        Self { next, changes: Vec::new(), messages: Vec::new(), timers: Vec::new() }
    }

    /// Has the module's recorder write this in the same transaction.
    pub fn record(mut self, change: S::Change) -> Self {
        self.changes.push(change);
        self
    }

    /// Publishes an event.
    pub fn publish<M: Message>(mut self, event: M) -> Self {
        const { assert!(matches!(M::KIND, Kind::Event), "this message is a command: use `send`") };
        self.messages.push(Draft::of(&event));
        self
    }

    /// Sends a command.
    pub fn send<M: Message>(mut self, command: M) -> Self {
        const { assert!(matches!(M::KIND, Kind::Command), "this message is an event: use `publish`") };
        self.messages.push(Draft::of(&command));
        self
    }

    /// Arms a timer.
    pub fn after(mut self, delay: Duration, timer: S::Timer) -> Self {
        self.timers.push(TimerChange::Arm(timer, delay));
        self
    }

    /// Takes a timer back.
    pub fn disarm(mut self, timer: S::Timer) -> Self {
        self.timers.push(TimerChange::Disarm(timer));
        self
    }

    /// Whether nothing at all follows.
    pub fn is_nothing(&self) -> bool {
        matches!(self.next, Next::Stay) && self.changes.is_empty() && self.messages.is_empty() && self.timers.is_empty()
    }
}
