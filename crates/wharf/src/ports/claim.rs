//! What a claim asks for, and what it brings.

use std::{collections::HashSet, sync::Arc, time::Duration};

use crate::{Envelope, Timestamp};

/// What a claim asks for.
///
/// A claim brings either fresh deliveries or exactly one *survivor*: a delivery whose last lease ran out without a word,
/// because its holder crashed, stood still or lost it. Whatever killed the holder may be that delivery, so it comes alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claim<'a> {
    /// Whose deliveries.
    pub endpoint: &'a str,
    /// At most so many.
    pub max: usize,
    /// How long they are held without being renewed.
    pub lease: Duration,
    /// How deliveries of one key take turns.
    pub turns: Turns,
    /// Whether it may bring a survivor. Without, it steps over them, however many there are.
    pub survivors: bool,
}

impl<'a> Claim<'a> {
    /// A claim that may bring a survivor, at an endpoint whose deliveries take no turns.
    pub fn new(endpoint: &'a str, max: usize, lease: Duration) -> Self {
        Self { endpoint, max, lease, turns: Turns::Free, survivors: true }
    }

    /// The same, at an endpoint whose deliveries take turns in this manner.
    #[must_use]
    pub fn turns(mut self, turns: Turns) -> Self {
        self.turns = turns;
        self
    }

    /// The same, stepping over survivors.
    #[must_use]
    pub fn without_survivors(mut self) -> Self {
        self.survivors = false;
        self
    }
}

/// How deliveries of one key, at one endpoint, take turns. Those that were sent without a
/// [`turn`](crate::Outgoing::turn) take none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turns {
    /// Not at all.
    Free,
    /// Never two at once, across all workers. What waits for a retry lets the others pass.
    OneAtATime,
    /// One after another, in the order in which they became due for the first time; those sent together, in the order
    /// they were sent. What waits for a retry keeps the others waiting.
    Ordered {
        /// Whether a dead letter keeps those behind it waiting too, until it is redriven or discarded.
        dead_letters_hold: bool,
    },
}

impl Turns {
    /// Of the rows that a claim could take, in their order: those that it takes. No two of one turn, no more than asked
    /// for, and a survivor alone.
    pub fn choose<Row>(
        rows: impl IntoIterator<Item = Row>,
        max: usize,
        turn: impl Fn(&Row) -> Option<String>,
        is_survivor: impl Fn(&Row) -> bool,
    ) -> Vec<Row> {
        let mut taken = HashSet::new();
        let mut chosen: Vec<Row> = Vec::new();
        for row in rows {
            if chosen.len() == max {
                break;
            }
            if turn(&row).is_none_or(|turn| taken.insert(turn)) {
                chosen.push(row);
            }
        }
        match chosen.iter().position(is_survivor) {
            Some(survivor) => vec![chosen.swap_remove(survivor)],
            None => chosen,
        }
    }
}

/// What a claim brought.
#[derive(Debug, Default)]
pub struct Claimed {
    /// The deliveries, now ours for the length of the lease.
    pub deliveries: Vec<Delivery>,
    /// When fewer fresh ones than asked for were due: the time at which the next will be, if any waits. By the engine's
    /// clock. It says nothing when a survivor came, as others may be due.
    pub next_due: Option<Timestamp>,
}

/// One message, held for one endpoint.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Delivery {
    /// Proof of holding.
    pub lease: Lease,
    /// What surrounds the message; `attempt` and `crashes` as of this claim.
    pub envelope: Envelope,
    /// Plain JSON, unless a foreign hand wrote otherwise.
    pub body: Arc<str>,
    /// Whether the lease before this one ran out without a word. Then it was claimed alone.
    pub is_survivor: bool,
    /// How many of its leases ran out without a word, crashes among others or alone.
    pub lost_leases: u32,
    /// Whether it had expired when it was claimed, by the engine's clock.
    pub is_expired: bool,
    /// For how long it has been [unknown](super::Outcome::Unknown) to the workers of its endpoint.
    pub unknown_for: Option<Duration>,
}

impl Delivery {
    /// A delivery that nothing is known to have befallen.
    pub fn new(lease: Lease, envelope: Envelope, body: Arc<str>) -> Self {
        Self { lease, envelope, body, is_survivor: false, lost_leases: 0, is_expired: false, unknown_for: None }
    }
}

/// Proof of holding a delivery: settling succeeds only while the row still has this epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The delivery's row.
    pub id: i64,
    /// Raised by every claim.
    pub epoch: i64,
}
