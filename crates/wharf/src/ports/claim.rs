//! What a claim asks for, and what it brings.

use std::{sync::Arc, time::Duration};

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
    /// Whether it may bring a survivor. Without, it steps over them, however many there are.
    pub survivors: bool,
}

impl<'a> Claim<'a> {
    /// A claim that may bring a survivor.
    pub fn new(endpoint: &'a str, max: usize, lease: Duration) -> Self {
        Self { endpoint, max, lease, survivors: true }
    }

    /// The same, stepping over survivors.
    #[must_use]
    pub fn without_survivors(mut self) -> Self {
        self.survivors = false;
        self
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
}

impl Delivery {
    /// A delivery that was never lost.
    pub fn new(lease: Lease, envelope: Envelope, body: Arc<str>) -> Self {
        Self { lease, envelope, body, is_survivor: false, lost_leases: 0 }
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
