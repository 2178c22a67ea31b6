//! What was worked out once: a saga and its environment are pure, so each of their answers is asked for once and then
//! looked up. A state of the world is a few numbers that stand for what is kept here.

use std::{borrow::Cow, collections::HashMap, hash::Hash, rc::Rc};

use super::{
    Environment,
    environment::Chance,
    hasher::Quick,
    tell::{tell_reception, tell_step},
};
use crate::{
    Draft, Saga, Step,
    testing::instance::{Begun, Instance, name_of, timer_name},
};

type Event<E> = <<E as Environment>::Saga as Saga>::Event;
type Timer<E> = <<E as Environment>::Saga as Saga>::Timer;

/// Things of one kind, each with a number.
struct Numbered<K, T> {
    numbers: HashMap<K, u32>,
    things: Vec<T>,
}

impl<K: Hash + Eq, T> Numbered<K, T> {
    fn new() -> Self {
        Self { numbers: HashMap::new(), things: Vec::new() }
    }

    fn number(&mut self, key: K, thing: impl FnOnce() -> T) -> u32 {
        let Self { numbers, things } = self;
        *numbers.entry(key).or_insert_with(|| {
            things.push(thing());
            #[expect(clippy::cast_possible_truncation, reason = "a search ends long before four billion")]
            let number = (things.len() - 1) as u32;
            number
        })
    }

    fn get(&self, number: u32) -> &T {
        &self.things[number as usize]
    }
}

/// What makes a saga take a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Cause {
    Event(u32),
    Timer(u32),
}

/// A step of the saga from one instance to the next.
pub(super) struct Taken<E: Environment> {
    pub(super) to: u32,
    /// What is sent to those who listen.
    pub(super) sends: Vec<u32>,
    /// Whether nothing is different afterwards.
    pub(super) idle: bool,
    pub(super) line: String,
    step: Step<E::Saga>,
}

/// What follows when a cause meets an instance.
#[derive(Debug, Clone, Copy)]
pub(super) enum Decision {
    Step(u32),
    /// The saga begins without going to a state.
    Nowhere,
    TooEarly,
}

/// One way in which a message is received.
pub(super) struct Reception {
    pub(super) environment: u32,
    pub(super) answers: Vec<u32>,
    /// The process died before it could answer.
    pub(super) crashed: bool,
    pub(super) line: String,
}

/// The instance before there is one.
pub(super) const NOT_BEGUN: u32 = 0;

pub(super) struct Known<E: Environment> {
    saga: Rc<E::Saga>,
    instances: Numbered<String, Option<Instance<E::Saga>>>,
    events: Numbered<String, Event<E>>,
    timers: Numbered<String, Timer<E>>,
    messages: Numbered<(Cow<'static, str>, String), Draft>,
    environments: Numbered<E, E>,
    steps: Vec<Taken<E>>,
    receptions: Vec<Reception>,
    decided: HashMap<(u32, Cause), Decision, Quick>,
    observed: HashMap<(u32, u32), u32, Quick>,
    /// The range of `receptions` for a message that meets an environment.
    received: HashMap<(u32, u32), (u32, u32), Quick>,
    armed: HashMap<u32, Rc<[u32]>, Quick>,
}

impl<E: Environment> Known<E> {
    pub(super) fn new(saga: Rc<E::Saga>) -> Self {
        let mut instances = Numbered::new();
        instances.number(String::new(), || None);
        Self {
            saga,
            instances,
            events: Numbered::new(),
            timers: Numbered::new(),
            messages: Numbered::new(),
            environments: Numbered::new(),
            steps: Vec::new(),
            receptions: Vec::new(),
            decided: HashMap::default(),
            observed: HashMap::default(),
            received: HashMap::default(),
            armed: HashMap::default(),
        }
    }

    pub(super) fn event(&mut self, event: Event<E>) -> u32 {
        self.events.number(format!("{event:?}"), || event)
    }

    pub(super) fn environment(&mut self, environment: E) -> u32 {
        self.environments.number(environment.clone(), || environment)
    }

    /// The timers that are armed.
    pub(super) fn armed(&mut self, instance: u32) -> Rc<[u32]> {
        let Self { instances, timers, armed, .. } = self;
        let numbers = armed.entry(instance).or_insert_with(|| {
            let instance = instances.get(instance).as_ref();
            let armed = instance.into_iter().flat_map(|instance| &instance.armed);
            armed.map(|timer| timers.number(format!("{timer:?}"), || *timer)).collect()
        });
        Rc::clone(numbers)
    }

    /// What the saga decides.
    pub(super) fn decide(&mut self, before: u32, cause: Cause) -> Decision {
        if let Some(decision) = self.decided.get(&(before, cause)) {
            return *decision;
        }
        let decision = self.ask_saga(before, cause);
        self.decided.insert((before, cause), decision);
        decision
    }

    fn ask_saga(&mut self, before: u32, cause: Cause) -> Decision {
        let (saga, instance) = (&*self.saga, self.instances.get(before).as_ref());
        let (after, step) = match (instance, cause) {
            (Some(instance), Cause::Event(event)) => instance.happen(saga, self.events.get(event).clone()),
            (Some(instance), Cause::Timer(timer)) => instance.fire(saga, *self.timers.get(timer)),
            (None, Cause::Timer(_)) => return Decision::TooEarly,
            (None, Cause::Event(event)) => match Instance::begin(saga, self.events.get(event).clone()) {
                Begun::Instance(after, step) => (after, step),
                Begun::Nowhere => return Decision::Nowhere,
                Begun::TooEarly => return Decision::TooEarly,
            },
        };
        let (cause, state) = (self.cause_name(cause), after.state_name());
        let to = self.instances.number(after.identity(), || Some(after));
        let idle = step.is_nothing() && to == before;
        let line = if idle { format!("{cause} changes nothing") } else { tell_step(&cause, &state, &step) };
        let heard = step.messages.iter().filter(|draft| E::listens_to(&draft.name));
        let sends = heard.map(|draft| self.message(draft)).collect();
        self.steps.push(Taken { to, sends, idle, line, step });
        Decision::Step(number(self.steps.len() - 1))
    }

    fn message(&mut self, draft: &Draft) -> u32 {
        self.messages.number((draft.name.clone(), format!("{} {:?}", draft.key, draft.body)), || draft.clone())
    }

    pub(super) fn step(&self, step: u32) -> &Taken<E> {
        &self.steps[step as usize]
    }

    /// The environment once it has seen a step.
    pub(super) fn observe(&mut self, before: u32, step: u32) -> u32 {
        if let Some(after) = self.observed.get(&(before, step)) {
            return *after;
        }
        let mut environment = self.environments.get(before).clone();
        environment.observe(&self.steps[step as usize].step);
        let after = self.environment(environment);
        self.observed.insert((before, step), after);
        after
    }

    /// Every way in which a message is received.
    pub(super) fn receive(&mut self, before: u32, message: u32) -> std::ops::Range<u32> {
        if let Some(&(first, end)) = self.received.get(&(before, message)) {
            return first..end;
        }
        let (environment, draft) = (self.environments.get(before).clone(), self.messages.get(message).clone());
        let first = number(self.receptions.len());
        let ways = Chance::every(|chance| {
            let mut environment = environment.clone();
            let answers = environment.receive(&draft, chance);
            (environment, answers, chance.crashed)
        });
        for (environment, answers, crashed) in ways {
            let line = tell_reception(&draft.name, &answers, crashed);
            let answers = if crashed { Vec::new() } else { answers };
            let answers = answers.into_iter().map(|event| self.event(event)).collect();
            let environment = self.environment(environment);
            self.receptions.push(Reception { environment, answers, crashed, line });
        }
        let end = number(self.receptions.len());
        self.received.insert((before, message), (first, end));
        first..end
    }

    pub(super) fn reception(&self, reception: u32) -> &Reception {
        &self.receptions[reception as usize]
    }

    pub(super) fn instance_of(&self, instance: u32) -> Option<&Instance<E::Saga>> {
        self.instances.get(instance).as_ref()
    }

    pub(super) fn environment_of(&self, environment: u32) -> &E {
        self.environments.get(environment)
    }

    pub(super) fn message_name(&self, message: u32) -> &str {
        &self.messages.get(message).name
    }

    pub(super) fn event_name(&self, event: u32) -> String {
        name_of(self.events.get(event))
    }

    fn cause_name(&self, cause: Cause) -> String {
        match cause {
            Cause::Event(event) => self.event_name(event),
            Cause::Timer(timer) => timer_name(self.timers.get(timer)),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a search ends long before four billion")]
fn number(index: usize) -> u32 {
    index as u32
}
