//! What surrounds a message on its way: ids that tell its story, and how often it was tried.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Key, Kind, Priority, Timestamp};

/// Everything known about a message besides its body. Engines take it apart and put it together again, so a new field
/// is one that each of them must store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// UUIDv7, given once when the message is sent; the same for every endpoint that gets it.
    pub id: Uuid,
    /// [`Message::NAME`](crate::Message::NAME).
    pub name: Arc<str>,
    /// [`Message::VERSION`](crate::Message::VERSION) of the body.
    pub version: u16,
    /// Command or event.
    pub kind: Kind,
    /// What the message is about.
    pub key: Key,
    /// Whose data this is. Everything a handler writes belongs to the same tenant.
    pub tenant: Tenant,
    /// When the sender sent it, by the sender's clock.
    pub sent_at: Timestamp,
    /// Failed attempts so far; 0 on the first delivery.
    pub attempt: u32,
    /// How often it was lost while it was claimed alone: the process died, or lost its lease. That it was lost among others
    /// costs nothing, as any of them may have been to blame.
    pub crashes: u32,
    /// How often an operator sent it round again from the dead letters.
    pub redrives: u32,
    /// What is taken up first.
    pub priority: Priority,
    /// From then on it is dead-lettered instead of handled, by the engine's clock.
    pub expires_at: Option<Timestamp>,
    /// The rest, which engines store as one JSON document.
    pub trail: Trail,
}

/// The part of an [`Envelope`] that nothing is searched by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Trail {
    /// One id for all that follows from one cause outside, such as a request.
    pub correlation: Uuid,
    /// The first message of this chain.
    pub conversation: Uuid,
    /// The message whose handler sent this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation: Option<Uuid>,
    /// Who sent it: a handler's id, or what the client calls itself.
    pub source: Arc<str>,
    /// On whose behalf, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Arc<str>>,
    /// W3C trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Arc<str>>,
    /// How far it has come by a transport of another kind than the store. Never set where both are one engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journey: Option<Journey>,
    /// Set on the copy of a dead letter that stands on a transport of another kind than the store: how it died.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub death: Option<Arc<Death>>,
    /// Set on what a schedule sent, and on nothing that follows from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firing: Option<Firing>,
    /// The application's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

/// Which firing of which schedule a message is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Firing {
    /// The schedule's name.
    pub schedule: Arc<str>,
    /// The due time it was sent for; where it stands for several that passed, the first of them. `None` when somebody
    /// [triggered](crate::Client::trigger_schedule) it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
}

/// How a message became a dead letter, for whoever finds its copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Death {
    /// The endpoint that gave it up.
    pub endpoint: Arc<str>,
    /// Why, such as `W0001`.
    pub code: String,
    /// The error and its causes, cut to [`Death::REASON_MAX_CHARS`]. The dead letter in the store has all of it.
    pub reason: String,
    /// Failed attempts.
    pub attempts: u32,
}

impl Death {
    /// What a copy tells of the reason: a transport's headers have no room for more.
    pub const REASON_MAX_CHARS: usize = 1_000;
}

/// How far a message has come by a transport of another kind than the store. The store decides what becomes of it, so
/// what it must know of earlier rounds travels with the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Journey {
    /// How many rounds have ended before this one: it was retried later, snoozed or redriven so often.
    pub round: u32,
    /// Failed attempts in earlier rounds.
    pub attempt: u32,
    /// Crashes in earlier rounds.
    pub crashes: u32,
    /// How often an operator sent it round again.
    pub redrives: u32,
    /// When it was first [unknown](crate::ports::Outcome::Unknown) to the workers of its endpoint, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_since: Option<Timestamp>,
    /// It was not put on the transport before this, by the clock of the process that put it there.
    pub since: Timestamp,
}

impl Journey {
    /// The first round of a message that was not put on the transport before `since`.
    pub(crate) fn begin(since: Timestamp) -> Self {
        Self { round: 0, attempt: 0, crashes: 0, redrives: 0, unknown_since: None, since }
    }
}

impl Trail {
    /// The beginning of a new chain of messages.
    pub fn begin(source: Arc<str>) -> Self {
        let id = Uuid::now_v7();
        Self {
            correlation: id,
            conversation: id,
            causation: None,
            source,
            actor: None,
            traceparent: None,
            journey: None,
            death: None,
            firing: None,
            headers: BTreeMap::new(),
        }
    }

    /// The trail of what `handler` sends while it handles the message `cause`.
    pub(crate) fn follow(&self, cause: Uuid, handler: Arc<str>) -> Self {
        let (causation, journey, death, firing, headers) = (Some(cause), None, None, None, BTreeMap::new());
        Self { causation, source: handler, journey, death, firing, headers, ..self.clone() }
    }
}

/// Whose data something is. Every table has it, leading its unique keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tenant(Arc<str>);

impl Tenant {
    /// The tenant of this name.
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// Its name, as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Tenant {
    /// The tenant of an application that has only one: `default`.
    fn default() -> Self {
        Self::new("default")
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
