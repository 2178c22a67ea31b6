//! What surrounds a saga under check, and the turns it may take.

use std::{fmt::Debug, hash::Hash};

use crate::{Draft, Saga, Step};

/// Everything around a saga, as a model: who answers its messages, and what it has done to the world so far.
///
/// It is a plain value, small and cloned often. Whatever it holds tells two states of the world apart, so it holds
/// what the rules ask about and no more: "the money was taken twice", not when.
pub trait Environment: Clone + Eq + Hash + Debug {
    /// The saga it surrounds.
    type Saga: Saga<Event: Clone>;

    /// A message of the saga arrives; what it does to the world, and the events that answer it, in order. Each is a
    /// message of its own: it may be late, come twice, or be lost.
    ///
    /// What might go one way or another is asked of `chance`; every way is tried. Whatever happens in here is one
    /// commit, as in a handler, except where [`Chance::crash`] is asked.
    fn receive(&mut self, message: &Draft, chance: &mut Chance) -> Vec<<Self::Saga as Saga>::Event>;

    /// Whether anybody here listens to messages of this name. Those that nobody does need no delivery, which makes for
    /// fewer states. Default: all.
    fn listens_to(name: &str) -> bool {
        let _ = name;
        true
    }

    /// Sees each step of the saga in its commit: what it records and what it sends. Steps that were tried again after a
    /// crash are seen once. Default: nothing.
    fn observe(&mut self, step: &Step<Self::Saga>) {
        let _ = step;
    }
}

/// Decides what might go one way or another. Every way is tried.
#[derive(Debug, Default)]
pub struct Chance {
    /// Which way was taken at each fork, and of how many.
    forks: Vec<Fork>,
    /// How many forks were passed in this run.
    passed: usize,
    pub(super) crashed: bool,
}

#[derive(Debug)]
struct Fork {
    taken: usize,
    of: usize,
}

impl Chance {
    /// One of these.
    pub fn pick<T, const WAYS: usize>(&mut self, ways: [T; WAYS]) -> T {
        const { assert!(WAYS > 0, "nothing to pick from") };
        if self.passed == self.forks.len() {
            self.forks.push(Fork { taken: 0, of: WAYS });
        }
        let taken = self.forks[self.passed].taken;
        self.passed += 1;
        Vec::from(ways).swap_remove(taken)
    }

    /// Whether the process dies here, between what was done outside and the commit: what was done stays done, the
    /// answer is lost, and the message comes again. Only where [`Check::crashes`](super::Check::crashes) allows for it.
    ///
    /// ```text
    /// self.charged += 1;             // the provider's books
    /// if chance.crash() {
    ///     return vec![];
    /// }
    /// ```
    pub fn crash(&mut self) -> bool {
        let crashes = self.pick([false, true]);
        self.crashed |= crashes;
        crashes
    }

    /// Runs through every combination of ways.
    pub(super) fn every<T>(mut run: impl FnMut(&mut Chance) -> T) -> Vec<T> {
        let (mut chance, mut answers) = (Self::default(), Vec::new());
        loop {
            answers.push(run(&mut chance));
            // On to the next, as an odometer counts.
            while chance.forks.last().is_some_and(|fork| fork.taken + 1 == fork.of) {
                chance.forks.pop();
            }
            match chance.forks.last_mut() {
                Some(fork) => fork.taken += 1,
                None => return answers,
            }
            (chance.passed, chance.crashed) = (0, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_is_tried_once_and_in_order() {
        let ways = Chance::every(|chance| match chance.pick(["a", "b"]) {
            "a" => format!("a{}", chance.pick([1, 2, 3])),
            way => way.to_owned(),
        });
        assert_eq!(ways, ["a1", "a2", "a3", "b"]);
        assert_eq!(Chance::every(|_| ()).len(), 1, "without a fork there is one way");
    }
}
