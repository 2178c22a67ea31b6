//! The port for what is fleeting: who is at work, and whose work is no longer wanted. What it carries may be lost without
//! harm: a heartbeat is followed by the next, and a cancellation may be asked for again.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Code, Error, Tenant, Timestamp};

/// Carries heartbeats and cancellations between processes. It keeps nothing that anybody relies on, and a worker works
/// without it.
#[async_trait]
pub trait Signals: fmt::Debug + Send + Sync + 'static {
    /// Tells that a worker is alive. It is believed for so long, or until the next one of the same worker, which takes its
    /// place.
    async fn beat(&self, beat: &Heartbeat, believed_for: Duration) -> Result<(), Error>;

    /// Tells that a worker has ended: nobody need wait until its last heartbeat is no longer believed.
    async fn leave(&self, worker: Uuid) -> Result<(), Error>;

    /// The last heartbeat of each worker that is believed to be alive, the first that started first.
    async fn workers(&self) -> Result<Vec<Heartbeat>, Error>;

    /// Tells all who [listen](Signals::listen) now, in this process and in others. Whoever does not is not told later.
    async fn cancel(&self, cancellation: &Cancellation) -> Result<(), Error>;

    /// Hears of cancellations until the connection is lost. Runs supervised for as long as a worker does.
    async fn listen(&self, hear: &Hear) -> Result<(), Error>;

    /// Whether it answers.
    async fn ping(&self) -> Result<(), Error>;
}

/// What is done with a cancellation that was heard of. It may be heard of more than once.
pub type Hear = dyn Fn(Cancellation) + Send + Sync;

/// That a worker is alive, and what it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Heartbeat {
    /// Drawn when the worker is made: two in one process differ, and so do two that follow one another.
    pub worker: Uuid,
    /// What it is called: [`Worker::named`](crate::Worker::named).
    #[serde(default)]
    pub name: String,
    /// The name of its machine, as far as that is known.
    pub host: String,
    /// Its process there.
    pub pid: u32,
    /// Of its program, if [`Worker::version`](crate::Worker::version) told it.
    pub version: Option<String>,
    /// What it consumes.
    pub endpoints: Vec<String>,
    /// When it began to run, by its own clock.
    pub started_at: Timestamp,
    /// Messages that its handlers were at work on.
    pub handling: u64,
    /// Whether it was asked to stop: it takes nothing in and lets its handlers finish.
    pub is_draining: bool,
}

/// That a person no longer wants a message to be handled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellation {
    /// Whose.
    pub tenant: Tenant,
    /// [`Envelope::id`](crate::Envelope::id).
    pub message: Uuid,
}

impl Heartbeat {
    /// As it travels: JSON.
    ///
    /// # Errors
    /// `W0012`, which nothing in it gives cause for.
    pub fn to_json(&self) -> Result<String, Error> {
        json(self)
    }

    /// What has travelled, in the order in which [`Signals::workers`] lists it. What is unreadable, as a process of another
    /// version may have told it, is left out.
    pub fn read_all<T: AsRef<str>>(told: impl IntoIterator<Item = T>) -> Vec<Self> {
        let read = |told: T| read(told.as_ref(), "a heartbeat");
        let mut beats: Vec<Self> = told.into_iter().filter_map(read).collect();
        beats.sort_unstable_by_key(Self::rank);
        beats
    }

    /// Its place among others.
    pub(super) fn rank(&self) -> (Timestamp, Uuid) {
        (self.started_at, self.worker)
    }
}

impl Cancellation {
    /// As it travels: JSON.
    ///
    /// # Errors
    /// `W0012`, which nothing in it gives cause for.
    pub fn to_json(&self) -> Result<String, Error> {
        json(self)
    }

    /// What has travelled; `None` when it is unreadable, of which the log tells.
    pub fn read(told: &str) -> Option<Self> {
        read(told, "a cancellation")
    }
}

fn json(signal: &impl Serialize) -> Result<String, Error> {
    let written = serde_json::to_string(signal);
    written.map_err(|error| Error::new(Code::BODY_UNWRITABLE, "cannot write a signal").caused_by(error))
}

fn read<T: for<'a> Deserialize<'a>>(told: &str, what: &str) -> Option<T> {
    let read = serde_json::from_str(told);
    read.inspect_err(|error| tracing::warn!(%error, "{what} is unreadable and left out")).ok()
}
