//! An endpoint: one queue, the handlers behind it, and how they are run.

use std::{error::Error as StdError, fmt, sync::Arc, time::Duration};

use tower_layer::Layer;
use tower_service::Service;

use crate::{
    Arrival, Guard, Handling, JobOptions, Retry, Saga, Timestamp,
    failure::Failure,
    handler::{Answer, Consumer, Handler, Parameters},
    job,
    layer::Layers,
    ports::{JobType, Turns},
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
    pub(crate) turns: Turns,
    pub(crate) permanent: Vec<fn(&Failure) -> bool>,
    /// Endpoints whose place it takes.
    pub(crate) replaces: Vec<Arc<str>>,
    pub(crate) layers: Option<Arc<Layers>>,
    /// Who is asked before each message is handled.
    pub(crate) guard: Option<Arc<dyn Guard>>,
    /// What it forwards through, when it is an outbox.
    pub(crate) relay: Option<Arc<Relay>>,
    /// Set where it is the queue of a job, whose history is kept.
    pub(crate) job: Option<JobDefinition>,
}

/// What makes an endpoint the queue of a job.
pub(crate) struct JobDefinition {
    pub(crate) options: JobOptions,
    pub(crate) announces: JobType,
}

impl<S: Clone + Send + Sync + 'static> Endpoint<S> {
    pub(crate) fn new(name: &str, state: S) -> Self {
        Self { state, definition: EndpointDefinition::new(name) }
    }

    /// Adds a handler under a stable id, which names it in logs and metrics and survives a rename of the function.
    #[must_use]
    pub fn consume<P, H>(mut self, id: &str, handler: H) -> Self
    where
        H: Handler<P, Returned: Answer>,
        P: Parameters<S>,
    {
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

    /// Handles one delivery of a tenant and key at a time, whichever worker has it. One that waits for a retry lets the
    /// others of its key pass. A worker whose lease was taken over is the one exception: it may still be at work when
    /// the next begins, but nothing of it is committed.
    #[must_use]
    pub fn one_at_a_time(mut self) -> Self {
        self.definition.turns = Turns::OneAtATime;
        self
    }

    /// Handles the deliveries of a tenant and key one after another, first in, first out: in the order in which they
    /// became due for the first time, and those sent together in the order they were sent. One that waits for a retry
    /// keeps those behind it waiting, while other keys go on; a dead letter lets them pass. One that is redriven comes
    /// before those that wait.
    #[must_use]
    pub fn ordered(mut self) -> Self {
        self.definition.turns = Turns::Ordered { dead_letters_hold: false };
        self
    }

    /// As [`Endpoint::ordered`], but a dead letter too keeps those of its key behind it waiting, until it is redriven or
    /// discarded. Only one that had expired holds nobody up.
    #[must_use]
    pub fn ordered_holding_dead_letters(mut self) -> Self {
        self.definition.turns = Turns::Ordered { dead_letters_hold: true };
        self
    }

    /// Wraps every delivery's handler in a layer of tower's, such as a limit of its rate, a breaker or a timeout. Each
    /// layer is around those added before it. A layer is asked anew for each attempt, those made at once included.
    ///
    /// ```
    /// # use std::{task::{Context, Poll}, time::Duration};
    /// # use tower_layer::{Layer, layer_fn};
    /// # use wharf::{Key, Message, Module, Msg, Result};
    /// # #[derive(serde::Serialize, serde::Deserialize)] struct Charge;
    /// # impl Message for Charge { const NAME: &'static str = "charge"; fn key(&self) -> Key { Key::new("card", 1) } }
    /// # async fn charge(Msg(_): Msg<Charge>) -> Result { Ok(()) }
    /// # struct RateLimitLayer;
    /// # impl RateLimitLayer { fn new(_: u64, _: Duration) -> Self { Self } }
    /// # impl<S> Layer<S> for RateLimitLayer { type Service = S; fn layer(&self, inner: S) -> S { inner } }
    /// // `RateLimitLayer` of the crate `tower`: a hundred a second, however many wait.
    /// let limit = RateLimitLayer::new(100, Duration::from_secs(1));
    /// let module = Module::new("payments", ())
    ///     .endpoint("charge", |endpoint| endpoint.layer(limit).consume("charge", charge));
    /// ```
    ///
    /// The handler's answer stays what it is. Only where there is none does the layer decide:
    ///
    /// - A layer that errs **before the handler has begun**, such as an open breaker, turns the delivery away: it comes
    ///   back after a second, and that costs no attempt. Meanwhile this worker claims nothing more for the endpoint.
    /// - A delivery that no layer has let pass within [`Limits::layer_wait`](crate::Limits::layer_wait) is turned away,
    ///   too. So none holds a slot for long, and none a transaction: that is opened by the handler.
    /// - A layer that errs **while the handler runs**, such as a timeout, has failed the attempt: `W0052`, tried again as
    ///   the endpoint's policy says.
    /// - A layer that swallows the handler's error, or answers without it, acknowledges nothing.
    ///
    /// A layer's limits hold for this endpoint in this process; ten workers charge ten times as fast. Layers that hand
    /// the call to another task, such as tower's `Buffer`, keep the handler's [`Tx`](crate::Tx) beyond its end: `W0008`.
    #[must_use]
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Handling>,
        L::Service: Service<Arrival, Response = ()> + Send + 'static,
        <L::Service as Service<Arrival>>::Error: Into<Box<dyn StdError + Send + Sync>>,
        <L::Service as Service<Arrival>>::Future: Send + 'static,
    {
        self.definition.layers = Some(Layers::add(self.definition.layers.take(), &layer));
        self
    }

    /// Errors of this type are verdicts: trying again cannot help.
    #[must_use]
    pub fn permanent_on<E: StdError + 'static>(mut self) -> Self {
        self.definition.permanent.push(|failure| failure.downcast_ref::<E>().is_some());
        self
    }

    /// Takes the place of an endpoint that was called otherwise or lay in another module. When the worker starts, the
    /// subscriptions of the old one to what this one consumes pass to it, and so do the messages that wait there and the
    /// timers of a saga. What the old one consumes besides stays with it. An older version that starts again meanwhile
    /// subscribes the old endpoint again; the next start of this one takes over once more.
    #[must_use]
    pub fn replaces(mut self, old_endpoint: &str) -> Self {
        self.definition.replaces.push(Arc::from(old_endpoint));
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
            turns: Turns::Free,
            permanent: Vec::new(),
            replaces: Vec::new(),
            layers: None,
            guard: None,
            relay: None,
            job: None,
        }
    }

    /// The queue of a job and the one handler that runs it.
    pub(crate) fn of_job(consumer: Consumer, options: JobOptions, announces: JobType) -> Self {
        let queue = job::queue(consumer.name);
        let job = Some(JobDefinition { options: JobOptions::default(), announces });
        let mut definition = Self { consumers: vec![consumer], job, ..Self::new(&queue) };
        definition.run_as(options);
        definition
    }

    /// Runs the job as these options say.
    pub(crate) fn run_as(&mut self, options: JobOptions) {
        self.retry.clone_from(&options.retry);
        self.concurrency = options.max_parallel;
        // What waits for a free slot had better wait where another worker can take it.
        self.prefetch = options.max_parallel;
        self.timeout = options.timeout;
        self.job.iter_mut().for_each(|job| job.options.clone_from(&options));
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
