//! An endpoint: one queue, the handlers behind it, and how they are run.

use std::{error::Error as StdError, fmt, sync::Arc, time::Duration};

use crate::{
    Retry, Saga, Timestamp,
    failure::Failure,
    handler::{Consumer, Handler},
    runtime::Relay,
    saga::SagaConsumer,
};

/// A queue of deliveries and the handlers that consume them. Made by [`Module::endpoint`](crate::Module::endpoint).
pub struct Endpoint<S> {
    state: S,
    pub(crate) definition: EndpointDefinition,
}

/// An endpoint with its state's type forgotten.
pub(crate) struct EndpointDefinition {
    pub(crate) name: Arc<str>,
    pub(crate) consumers: Vec<Consumer>,
    pub(crate) retry: Retry,
    pub(crate) concurrency: usize,
    pub(crate) prefetch: usize,
    pub(crate) timeout: Duration,
    pub(crate) permanent: Vec<fn(&Failure) -> bool>,
    /// What it forwards through, when it is an outbox.
    pub(crate) relay: Option<Arc<Relay>>,
}

impl<S: Clone + Send + Sync + 'static> Endpoint<S> {
    pub(crate) fn new(name: &str, state: S) -> Self {
        Self { state, definition: EndpointDefinition::new(name) }
    }

    /// Adds a handler under a stable id, which names it in logs and metrics and survives a rename of the function.
    #[must_use]
    pub fn consume<P, H: Handler<S, P>>(mut self, id: &str, handler: H) -> Self {
        let consumer = Consumer::of(id, handler, self.state.clone());
        self.definition.consumers.push(consumer);
        self
    }

    /// Adds a saga: every event it listens to, and its timers, arrive here.
    #[must_use]
    pub fn saga<G: Saga>(mut self, saga: SagaConsumer<G>) -> Self {
        self.definition.consumers.extend(saga.consumers(&self.definition.name));
        self
    }

    /// How failed deliveries are tried again. Default: `consumer`, after 1, 3 and 7 seconds.
    #[must_use]
    pub fn retry(mut self, policy: Retry) -> Self {
        self.definition.retry = policy;
        self
    }

    /// How many deliveries are handled at once by one worker. Default 16.
    #[must_use]
    pub fn concurrency(mut self, deliveries: usize) -> Self {
        self.definition.concurrency = deliveries;
        self.definition.prefetch = self.definition.prefetch.max(deliveries);
        self
    }

    /// How many deliveries one worker holds, those being handled included. Default 64: large enough that claims are
    /// batches, small enough that other workers get their share.
    #[must_use]
    pub fn prefetch(mut self, deliveries: usize) -> Self {
        self.definition.prefetch = deliveries;
        self
    }

    /// How long a handler may take. Default 60 s; then it is dropped and the attempt has failed.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.definition.timeout = limit;
        self
    }

    /// Errors of this type are verdicts: trying again cannot help.
    #[must_use]
    pub fn permanent_on<E: StdError + 'static>(mut self) -> Self {
        self.definition.permanent.push(|failure| failure.downcast_ref::<E>().is_some());
        self
    }
}

impl EndpointDefinition {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: Arc::from(name),
            consumers: Vec::new(),
            retry: Retry::default(),
            concurrency: 16,
            prefetch: 64,
            timeout: Duration::from_secs(60),
            permanent: Vec::new(),
            relay: None,
        }
    }

    /// Until when it takes no work, as the work could not be done.
    pub(crate) fn closed_until(&self) -> Option<Timestamp> {
        self.relay.as_ref()?.away_until()
    }

    pub(crate) fn judges_permanent(&self, failure: &Failure) -> bool {
        self.permanent.iter().any(|is| is(failure))
    }
}

impl fmt::Debug for EndpointDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("name", &self.name)
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for Endpoint<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.definition.fmt(f)
    }
}
