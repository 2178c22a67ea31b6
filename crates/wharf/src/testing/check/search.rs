//! The search: every state of the world that can be reached, nearest first, so that the first broken rule that is found
//! comes with a shortest history.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{Hash, Hasher},
    rc::Rc,
};

use super::{
    Check, Environment, Report, World,
    hasher::Quick,
    known::{Cause, Decision, Known, NOT_BEGUN},
    report::Verdict,
};
use crate::Saga;

/// A state of the world, in numbers that stand for what [`Known`] keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) instance: u32,
    pub(super) environment: u32,
    left: Left,
    /// In order where order counts; sorted where it does not.
    pub(super) flying: Vec<Flying>,
}

/// By a few whole numbers, as this is what a search does most.
impl Hash for Node {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(u64::from(self.instance) << 32 | u64::from(self.environment));
        let Left { duplicates, losses, crashes } = self.left;
        hasher.write_u32(u32::from_le_bytes([duplicates, losses, crashes, 0]));
        for flying in &self.flying {
            hasher.write_u64(match *flying {
                Flying::Outside(event) => u64::from(event),
                Flying::Event(event) => 1 << 32 | u64::from(event),
                Flying::Message(message) => 2 << 32 | u64::from(message),
            });
        }
    }
}

/// How much trouble may still come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Left {
    duplicates: u8,
    losses: u8,
    crashes: u8,
}

/// What is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Flying {
    /// An event from outside that may happen, or never.
    Outside(u32),
    /// An event on its way to the saga.
    Event(u32),
    /// A message on its way to the environment.
    Message(u32),
}

/// How one state came from another.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Beginning,
    Step(u32, Again),
    FromOutside(u32),
    Reception(u32, Again),
    Loss(Flying),
}

/// Whether what was delivered is still under way.
#[derive(Debug, Clone, Copy)]
enum Again {
    Once,
    Duplicate,
    Crash,
}

/// Where a state was first met.
struct Visit {
    node: Rc<Node>,
    from: u32,
    deed: Deed,
}

/// Why a search ended before all was seen.
enum End {
    Broken { rule: String, at: u32 },
    TooManyStates,
}

pub(super) struct Search<'c, E: Environment> {
    check: &'c Check<E>,
    known: Known<E>,
    /// In the order in which they were met, nearest first.
    visits: Vec<Visit>,
    numbers: HashMap<Rc<Node>, u32, Quick>,
    recurring: Vec<u32>,
    transitions: u64,
}

impl<'c, E: Environment> Search<'c, E> {
    pub(super) fn new(check: &'c Check<E>) -> Self {
        let mut known = Known::new(Rc::clone(&check.saga));
        let mut numbers = |events: &[<E::Saga as Saga>::Event]| -> Vec<u32> {
            events.iter().map(|event| known.event(event.clone())).collect()
        };
        let recurring = numbers(&check.recurring);
        let outside = numbers(&check.outside).into_iter().map(Flying::Outside);
        let first = numbers(&check.first).into_iter().map(Flying::Event);
        let flying = outside.chain(first).collect();
        let left = Left { duplicates: check.duplicates, losses: check.losses, crashes: check.crashes };
        let environment = known.environment(check.environment.clone());
        let first = Node { instance: NOT_BEGUN, environment, left, flying };
        let mut search =
            Self { check, known, visits: Vec::new(), numbers: HashMap::default(), recurring, transitions: 0 };
        search.meet(0, Deed::Beginning, first);
        search.transitions = 0;
        search
    }

    pub(super) fn run(mut self) -> Report {
        let end = self.walk().err();
        let verdict = match end {
            None => Verdict::Holds,
            Some(End::TooManyStates) => Verdict::Endless { states_max: self.check.states_max },
            Some(End::Broken { rule, at }) => {
                let there = self.world(at).to_string();
                Verdict::Broken { rule, history: self.history(at), there }
            }
        };
        Report { states: self.visits.len(), transitions: self.transitions, verdict }
    }

    fn walk(&mut self) -> Result<(), End> {
        let mut at = 0;
        while let Some(visit) = self.visits.get(at as usize) {
            if self.visits.len() > self.check.states_max {
                return Err(End::TooManyStates);
            }
            let node = Rc::clone(&visit.node);
            self.hold(at, &self.check.invariants)?;
            if !self.go_on(at, &node)? {
                self.rest(at, &node)?;
            }
            at += 1;
        }
        Ok(())
    }

    fn world(&self, at: u32) -> World<'_, E> {
        World::new(&self.visits[at as usize].node, &self.known)
    }

    fn hold(&self, at: u32, rules: &[super::Rule<E>]) -> Result<(), End> {
        let broken = rules.iter().find(|rule| !(rule.holds)(&self.world(at)));
        broken.map_or(Ok(()), |rule| Err(End::Broken { rule: rule.name.clone(), at }))
    }

    /// Nothing happens any more by itself.
    fn rest(&self, at: u32, node: &Node) -> Result<(), End> {
        let world = self.world(at);
        if node.instance == NOT_BEGUN {
            return Err(End::Broken { rule: "the saga begins".to_owned(), at });
        }
        if !world.is_finished() && !self.check.resting_places.iter().any(|may_rest| may_rest(&world)) {
            return Err(End::Broken { rule: "a saga that is not finished waits for something".to_owned(), at });
        }
        self.hold(at, &self.check.at_rest)
    }

    /// Meets all that may come next; whether any of it comes by itself.
    fn go_on(&mut self, at: u32, node: &Node) -> Result<bool, End> {
        let (mut moves, mut event_seen, mut message_seen) = (false, false, false);
        for (place, &flying) in node.flying.iter().enumerate() {
            if place > 0 && self.check.reordering && node.flying[place - 1] == flying {
                continue;
            }
            match flying {
                Flying::Outside(event) => self.happen(at, node, Cause::Event(event), Some(place))?,
                Flying::Event(event) => match self.known.decide(node.instance, Cause::Event(event)) {
                    Decision::Nowhere => {
                        return Err(End::Broken { rule: "a saga begins by going to a state".to_owned(), at });
                    }
                    Decision::TooEarly => {}
                    Decision::Step(_) if event_seen && !self.check.reordering => {}
                    Decision::Step(step) => {
                        (moves, event_seen) = (true, true);
                        self.deliver(at, node, place, step);
                    }
                },
                Flying::Message(_) if message_seen && !self.check.reordering => {}
                Flying::Message(message) => {
                    (moves, message_seen) = (true, true);
                    self.receive(at, node, place, message);
                }
            }
        }
        let in_flight = node.flying.iter().filter(|flying| !matches!(flying, Flying::Outside(_))).count();
        if in_flight < self.check.timers_below {
            for &timer in &*self.known.armed(node.instance) {
                moves = true;
                if let Decision::Step(step) = self.known.decide(node.instance, Cause::Timer(timer)) {
                    let next = self.after(node.clone(), step);
                    self.meet(at, Deed::Step(step, Again::Once), next);
                }
            }
        }
        for recurring in 0..self.recurring.len() {
            let met = self.transitions;
            self.happen(at, node, Cause::Event(self.recurring[recurring]), None)?;
            moves |= self.transitions > met;
        }
        Ok(moves)
    }

    /// An event from outside happens, if it changes anything.
    fn happen(&mut self, at: u32, node: &Node, cause: Cause, place: Option<usize>) -> Result<(), End> {
        match self.known.decide(node.instance, cause) {
            Decision::Nowhere => Err(End::Broken { rule: "a saga begins by going to a state".to_owned(), at }),
            Decision::TooEarly => Ok(()),
            Decision::Step(step) if self.known.step(step).idle => Ok(()),
            Decision::Step(step) => {
                let mut next = node.clone();
                if let Some(place) = place {
                    next.flying.remove(place);
                }
                let next = self.after(next, step);
                self.meet(at, Deed::FromOutside(step), next);
                Ok(())
            }
        }
    }

    /// An event reaches the saga; or it does and comes again; or it never does.
    fn deliver(&mut self, at: u32, node: &Node, place: usize, step: u32) {
        let flying = node.flying[place];
        let mut without = node.clone();
        without.flying.remove(place);
        let next = self.after(without.clone(), step);
        self.meet(at, Deed::Step(step, Again::Once), next);
        // What changes nothing need not come again, nor be lost.
        if self.known.step(step).idle {
            return;
        }
        for (again, next) in once_more(&without, flying) {
            let next = self.after(next, step);
            self.meet(at, Deed::Step(step, again), next);
        }
        if node.instance != NOT_BEGUN {
            self.lose(at, &without, flying);
        }
    }

    /// A message reaches the environment, in each of the ways it may be received; or it does and comes again; or it
    /// never does.
    fn receive(&mut self, at: u32, node: &Node, place: usize, message: u32) {
        let flying = node.flying[place];
        let mut without = node.clone();
        without.flying.remove(place);
        let mut matters = false;
        for reception in self.known.receive(node.environment, message) {
            let way = self.known.reception(reception);
            let (environment, crashed) = (way.environment, way.crashed);
            let answers: Vec<_> = way.answers.iter().copied().map(Flying::Event).collect();
            let answered = |mut next: Node| {
                next.environment = environment;
                next.flying.extend(&answers);
                next
            };
            if crashed {
                if let Some(next) = crash(&without, flying) {
                    self.meet(at, Deed::Reception(reception, Again::Once), answered(next));
                }
                continue;
            }
            self.meet(at, Deed::Reception(reception, Again::Once), answered(without.clone()));
            if environment != node.environment || !answers.is_empty() {
                matters = true;
                for (again, next) in once_more(&without, flying) {
                    self.meet(at, Deed::Reception(reception, again), answered(next));
                }
            }
        }
        if matters {
            self.lose(at, &without, flying);
        }
    }

    fn lose(&mut self, at: u32, without: &Node, flying: Flying) {
        if let Some(losses) = without.left.losses.checked_sub(1) {
            let mut next = without.clone();
            next.left.losses = losses;
            self.meet(at, Deed::Loss(flying), next);
        }
    }

    /// The world once a step is committed.
    fn after(&mut self, mut node: Node, step: u32) -> Node {
        node.environment = self.known.observe(node.environment, step);
        let taken = self.known.step(step);
        node.instance = taken.to;
        node.flying.extend(taken.sends.iter().copied().map(Flying::Message));
        node
    }

    fn meet(&mut self, from: u32, deed: Deed, mut node: Node) {
        self.transitions += 1;
        if self.check.reordering {
            node.flying.sort_unstable();
        }
        let node = Rc::new(node);
        if let Entry::Vacant(vacant) = self.numbers.entry(Rc::clone(&node)) {
            #[expect(clippy::cast_possible_truncation, reason = "a search ends long before four billion")]
            vacant.insert(self.visits.len() as u32);
            self.visits.push(Visit { node, from, deed });
        }
    }

    /// What happened until a state was met, a line each.
    fn history(&self, mut at: u32) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let visit = &self.visits[at as usize];
            lines.push(match visit.deed {
                Deed::Beginning => break,
                Deed::Step(step, again) => self.known.step(step).line.clone() + words(again),
                Deed::FromOutside(step) => format!("from outside: {}", self.known.step(step).line),
                Deed::Reception(reception, again) => self.known.reception(reception).line.clone() + words(again),
                Deed::Loss(flying) => match flying {
                    Flying::Outside(event) | Flying::Event(event) => {
                        format!("{} is lost", self.known.event_name(event))
                    }
                    Flying::Message(message) => format!("{} is lost", self.known.message_name(message)),
                },
            });
            at = visit.from;
        }
        lines.reverse();
        lines
    }
}

/// What was delivered is still under way: as a copy, or as its acknowledgement was lost in a crash after the commit.
fn once_more(without: &Node, flying: Flying) -> impl Iterator<Item = (Again, Node)> + use<> {
    let duplicate = without.left.duplicates.checked_sub(1).map(|duplicates| {
        let mut next = without.clone();
        next.left.duplicates = duplicates;
        next.flying.push(flying);
        (Again::Duplicate, next)
    });
    duplicate.into_iter().chain(crash(without, flying).map(|next| (Again::Crash, next)))
}

fn crash(without: &Node, flying: Flying) -> Option<Node> {
    let mut next = without.clone();
    next.left.crashes = without.left.crashes.checked_sub(1)?;
    next.flying.push(flying);
    Some(next)
}

fn words(again: Again) -> &'static str {
    match again {
        Again::Once => "",
        Again::Duplicate => "; a duplicate follows",
        Again::Crash => "; a crash after the commit, so it will come again",
    }
}
