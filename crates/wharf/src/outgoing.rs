//! A message on its way to one endpoint.

use std::{sync::Arc, time::Duration};

use crate::Envelope;

/// One delivery to be: a message addressed to one endpoint. An event with three subscribers is three of them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outgoing {
    /// The endpoint that is to get it.
    pub endpoint: Arc<str>,
    /// Nobody takes it before this much time has passed since the commit's own now.
    pub delay: Duration,
    /// How long after the commit's own now it expires. Without, it keeps the envelope's `expires_at`.
    pub expires_in: Option<Duration>,
    /// With whom it takes turns at an endpoint where deliveries do; `None` takes none.
    pub turn: Option<Arc<str>>,
    /// Of a job: while one of this tenant, name and key waits or runs, it goes nowhere.
    pub unique: Option<Arc<str>>,
    /// What surrounds it.
    pub envelope: Envelope,
    /// Plain JSON.
    pub body: Arc<str>,
}

impl Outgoing {
    /// A message for one endpoint, due at once.
    pub fn new(endpoint: Arc<str>, envelope: Envelope, body: Arc<str>) -> Self {
        Self { endpoint, delay: Duration::ZERO, expires_in: None, turn: None, unique: None, envelope, body }
    }

    /// The same, taking turns with all of its tenant and key.
    #[must_use]
    pub fn in_turn(mut self) -> Self {
        let (tenant, key) = (self.envelope.tenant.as_str(), self.envelope.key.as_str());
        // The length keeps `a` with `b:c` apart from `a:b` with `c`.
        self.turn = Some(Arc::from(format!("{}:{tenant}:{key}", tenant.len())));
        self
    }

    /// The same, as one of which no second one of this key may wait or run.
    #[must_use]
    pub fn unique(mut self, key: &str) -> Self {
        self.unique = Some(Arc::from(key));
        self
    }

    /// The same, due only after `delay`.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}
