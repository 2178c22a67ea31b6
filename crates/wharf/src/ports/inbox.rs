//! What a store notes of messages that come by a transport of another kind, so that each has its effects once.
//!
//! Such a transport may deliver a message again after its effects were committed. The store keeps one row for each
//! message and endpoint: how many rounds of it have ended, and how the last one did. A message comes round again when
//! it is retried later, snoozed or redriven; it then travels with the number of its next round. So a copy of an earlier
//! round is known for what it is, however late it comes and however often.

use std::sync::Arc;

use uuid::Uuid;

use crate::{Code, Envelope, Tenant};

/// One round of a message at one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Round {
    /// Whose message it is.
    pub tenant: Tenant,
    /// The endpoint that consumes it.
    pub endpoint: Arc<str>,
    /// [`Envelope::id`].
    pub message: Uuid,
    /// Counted from 0.
    pub number: u32,
}

impl Round {
    /// The round in which a message stands at an endpoint.
    pub fn of(endpoint: &Arc<str>, envelope: &Envelope) -> Self {
        Self {
            tenant: envelope.tenant.clone(),
            endpoint: Arc::clone(endpoint),
            message: envelope.id,
            number: envelope.trail.journey.as_ref().map_or(0, |journey| journey.round),
        }
    }
}

/// How a round ended: what the inbox keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Which one.
    pub round: Round,
    /// How.
    pub ending: Ending,
}

/// How a round of a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Its effects are committed.
    Handled,
    /// It is among the dead letters.
    DeadLettered,
    /// It will come round again: retried later, snoozed or redriven.
    Again,
}

impl Ending {
    const ALL: [Self; 3] = [Self::Handled, Self::DeadLettered, Self::Again];

    /// What [`Ending::as_str`] stored.
    pub fn from_stored(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ending| ending.as_str() == text)
    }

    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Handled => "handled",
            Self::DeadLettered => "dead-lettered",
            Self::Again => "again",
        }
    }
}

/// A message that goes to the dead letters without having been a delivery of the store's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Burial {
    /// The endpoint that gave it up: the one it is listed under.
    pub endpoint: Arc<str>,
    /// The endpoint of the store's own that it is sent to when it is redriven.
    pub redrive_to: Arc<str>,
    /// What surrounded the message, its counts included. Its trail says which round a redrive begins.
    pub envelope: Envelope,
    /// The body as it came.
    pub body: Arc<str>,
    /// Why it was given up.
    pub code: Code,
    /// The error and its causes.
    pub reason: String,
}

/// Endpoints of a store's own at which messages wait for a transport of another kind.
#[derive(Debug)]
pub struct Outbox;

impl Outbox {
    /// What their names begin with.
    pub const PREFIX: &'static str = "outbox:";

    /// Where copies of dead letters wait for a transport that [copies](super::Transport::copies_letters) them. No
    /// endpoint is called so.
    pub const LETTERS: &'static str = "outbox:(dead letters)";

    /// Where messages for `destination` wait.
    pub fn endpoint(destination: &str) -> Arc<str> {
        Arc::from(format!("{}{destination}", Self::PREFIX))
    }

    /// For whom messages wait at `endpoint`, if it is an outbox.
    pub fn destination(endpoint: &str) -> Option<&str> {
        endpoint.strip_prefix(Self::PREFIX)
    }
}
