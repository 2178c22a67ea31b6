//! One instance of a saga, stepped in memory exactly as the runtime steps a stored one.

use std::fmt::Debug;

use serde::Serialize;

use crate::{Next, Saga, Start, Step, TimerChange, saga::state_name};

/// Where an instance stands: what the runtime would store of it.
pub(super) struct Instance<S: Saga> {
    pub(super) facts: S::Facts,
    pub(super) state: S::State,
    pub(super) finished: bool,
    /// In the order of their names, so that it does not matter in which they were armed.
    pub(super) armed: Vec<S::Timer>,
}

/// What an event that finds no instance leads to.
pub(super) enum Begun<S: Saga> {
    Instance(Instance<S>, Step<S>),
    /// The first step goes nowhere, which the runtime refuses.
    Nowhere,
    TooEarly,
}

impl<S: Saga> Instance<S> {
    pub(super) fn begin(saga: &S, event: S::Event) -> Begun<S> {
        let (facts, step) = match saga.start(event) {
            Start::Begin { facts, step } => (facts, step),
            Start::TooEarly => return Begun::TooEarly,
        };
        let (state, finished) = match &step.next {
            Next::To(state) => (state.clone(), false),
            Next::Finish(state) => (state.clone(), true),
            Next::Stay => return Begun::Nowhere,
        };
        let mut instance = Self { facts, state, finished, armed: Vec::new() };
        instance.set_timers(&step);
        Begun::Instance(instance, step)
    }

    pub(super) fn happen(&self, saga: &S, event: S::Event) -> (Self, Step<S>) {
        let mut facts = self.facts.clone();
        let step = saga.step(&mut facts, self.state.clone(), event);
        let (state, finished) = match &step.next {
            Next::Stay => (self.state.clone(), self.finished),
            Next::To(state) => (state.clone(), false),
            Next::Finish(state) => (state.clone(), true),
        };
        let mut after = Self { facts, state, finished, armed: self.armed.clone() };
        after.set_timers(&step);
        (after, step)
    }

    /// A timer that is armed fires, and is used up.
    pub(super) fn fire(&self, saga: &S, timer: S::Timer) -> (Self, Step<S>) {
        let armed = self.armed.iter().copied().filter(|armed| *armed != timer).collect();
        let used_up = Self { facts: self.facts.clone(), state: self.state.clone(), finished: self.finished, armed };
        used_up.happen(saga, timer.into())
    }

    fn set_timers(&mut self, step: &Step<S>) {
        if self.finished {
            self.armed.clear();
            return;
        }
        for change in &step.timers {
            match change {
                TimerChange::Arm(timer, _) if !self.armed.contains(timer) => self.armed.push(*timer),
                TimerChange::Arm(..) => {}
                TimerChange::Disarm(timer) => self.armed.retain(|armed| armed != timer),
            }
        }
        self.armed.sort_by_key(name_of);
    }

    /// The state's name, as it is stored.
    pub(super) fn state_name(&self) -> String {
        serde_json::to_value(&self.state).map_or_else(|_| name_of(&self.state), |json| state_name(&json))
    }

    /// The same for two instances exactly when what is stored of them is.
    pub(super) fn identity(&self) -> String {
        format!("{} {} {} {:?}", canonical(&self.facts), canonical(&self.state), self.finished, self.armed)
    }
}

/// As JSON, with the fields of maps in order.
fn canonical<T: Serialize + Debug>(value: &T) -> String {
    serde_json::to_value(value).map_or_else(|_| format!("{value:?}"), |json| json.to_string())
}

/// The variant's name, from what it looks like: `Paid` of `Paid { retries: 1 }`.
pub(super) fn name_of(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    text.split(['(', '{', ' ']).next().unwrap_or_default().to_owned()
}

/// As timers are shown.
pub(super) fn timer_name(timer: &impl Debug) -> String {
    format!("⏰ {}", name_of(timer))
}
