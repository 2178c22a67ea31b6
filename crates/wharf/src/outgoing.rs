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
    /// What surrounds it.
    pub envelope: Envelope,
    /// Plain JSON.
    pub body: Arc<str>,
}

impl Outgoing {
    /// A message for one endpoint, due at once.
    pub fn new(endpoint: Arc<str>, envelope: Envelope, body: Arc<str>) -> Self {
        Self { endpoint, delay: Duration::ZERO, envelope, body }
    }

    /// The same, due only after `delay`.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}
