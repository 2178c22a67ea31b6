//! The port that carries deliveries: claim, settle, renew, send.

use std::{collections::BTreeSet, fmt, time::Duration};

use async_trait::async_trait;

use super::{Claim, Claimed, Lease, Report, Subscription, Wakeups};
use crate::{Code, Error, Outgoing};

/// Carries messages to endpoints and hands each to one holder at a time.
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Takes due deliveries of an endpoint, the highest priority first and of one priority the oldest, each under a lease with an epoch of its own. The claim is
    /// durable before it returns, so that a crash can be counted.
    ///
    /// It looks at the next so many that it could take, in their order. If one of them is a survivor, it takes the first
    /// survivor and nothing else; else it takes them all. So a survivor waits no longer than for what was due before it,
    /// and what is fresh no longer than for one survivor, as the next claim of the process steps over the others. A
    /// survivor that was claimed as one before, and lost again, has its `crashes` raised by one.
    async fn claim(&self, claim: &Claim<'_>) -> Result<Claimed, Error>;

    /// Settles a batch in one commit. Only rows still held under their lease's epoch are touched; what they send is
    /// sent in the same commit. Returns for each settlement whether it was still ours.
    async fn settle(&self, batch: &[Settlement]) -> Result<Vec<bool>, Error>;

    /// Extends leases; returns those that are no longer ours.
    async fn renew(&self, leases: &[Lease], length: Duration) -> Result<Vec<Lease>, Error>;

    /// Sends a batch in one commit of its own.
    async fn send(&self, batch: &[Outgoing]) -> Result<(), Error>;

    /// Hears what this process will consume, before its first claim, so that what must stand for that can be set up with
    /// it. Asks nobody: a transport that is away keeps no worker from starting.
    fn prepare(&self, consumed: &[Subscription]) {
        let _ = consumed;
    }

    /// Whether copies of dead letters are to stand on this transport, for people who look at it with its own tools.
    fn copies_letters(&self) -> bool {
        false
    }

    /// Puts the copy of a dead letter beside the messages of its endpoint, where nobody consumes it. Its trail's
    /// [`Death`](crate::Death) tells why it died. It is the next round of its message: put back among the messages of
    /// its endpoint, by whomever, it is redriven. Asked only of a transport that
    /// [copies letters](Transport::copies_letters), and perhaps more than once for one letter.
    async fn copy_letter(&self, letter: &Outgoing) -> Result<(), Error> {
        let _ = letter;
        Err(Error::new(Code::ENGINE_FAILED, "this transport keeps no copies of dead letters"))
    }

    /// Hears of every subscription, those of other processes too: at start, and then again and again. So whoever only
    /// sends to an endpoint knows of it what its consumers have said, such as whether it takes turns.
    fn know(&self, subscriptions: &[Subscription]) {
        let _ = subscriptions;
    }

    /// How much waits, per endpoint.
    async fn depth(&self) -> Result<Vec<Depth>, Error>;

    /// How it is, as health tells it. Asks nobody and waits for nobody. `None` of a transport that is the store itself.
    fn condition(&self) -> Option<Condition> {
        None
    }

    /// The bells this transport rings once something was committed for an endpoint.
    fn wakeups(&self) -> &Wakeups;

    /// Hears of work committed by other processes and rings the bells. Runs supervised for as long as the worker does;
    /// a transport that lives in one process has nothing to hear.
    async fn listen(&self) -> Result<(), Error> {
        std::future::pending().await
    }
}

/// How a transport of another kind than the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What it is called in health, such as `rabbitmq`.
    pub name: &'static str,
    /// What is wrong with it, if anything is. It names no data, so that strangers may read it.
    pub trouble: Option<String>,
    /// The endpoints that this process is handed messages for.
    pub consuming: BTreeSet<String>,
}

/// How one delivery ends.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settlement {
    /// Which one.
    pub lease: Lease,
    /// What happens with its row.
    pub outcome: Outcome,
    /// Sent in the same commit, if the lease still held. Empty unless the outcome is [`Outcome::Done`].
    pub outgoing: Vec<Outgoing>,
    /// What the run of a job has to tell, written in the same commit, if the lease still held.
    pub report: Option<Box<Report>>,
}

impl Settlement {
    /// One that sends nothing.
    pub fn new(lease: Lease, outcome: Outcome) -> Self {
        Self { lease, outcome, outgoing: Vec::new(), report: None }
    }

    /// The same, sending this.
    #[must_use]
    pub fn sending(mut self, outgoing: Vec<Outgoing>) -> Self {
        self.outgoing = outgoing;
        self
    }

    /// The same, telling this of a job's run.
    #[must_use]
    pub fn reporting(mut self, report: Report) -> Self {
        self.report = Some(Box::new(report));
        self
    }
}

/// What happens with a delivery's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Handled: the row goes.
    Done,
    /// Failed: due again after the delay, with this many failed attempts.
    Retry {
        /// Counted from the commit.
        delay: Duration,
        /// Failed attempts so far.
        attempt: u32,
    },
    /// Back in the queue, costing no attempt and no crash: snoozed, or returned by a worker that stops.
    Return {
        /// Counted from the commit.
        delay: Duration,
    },
    /// Back in the queue, costing nothing: nobody here knows a message of this name and version, or the saga instance it
    /// is for, or its handler found the engine away. The engine notes when this was first said, and [tells](super::Delivery::unknown_for).
    Unknown {
        /// Counted from the commit.
        delay: Duration,
    },
    /// The row moves to the dead letters.
    DeadLetter {
        /// Why.
        code: Code,
        /// The error and its causes.
        reason: String,
        /// Failed attempts so far.
        attempt: u32,
    },
}

/// How much waits at one endpoint. An estimate where much does, as an exact count would have to visit every row: of those
/// that are due and of those that are to come, the first [`Depth::COUNT_MAX_ROWS`] are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    /// Its name.
    pub endpoint: String,
    /// Due and not held.
    pub due: u64,
    /// Waiting for a later time.
    pub delayed: u64,
    /// Held by a worker.
    pub held: u64,
    /// For how long the oldest due delivery has been due.
    pub oldest: Option<Duration>,
}

impl Depth {
    /// How far an engine counts. A figure of so many means at least so many.
    pub const COUNT_MAX_ROWS: u64 = 10_000;
}
