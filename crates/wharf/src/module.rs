//! What a bounded context plugs into a worker.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    Guard, Job, JobAnswer, JobOptions, Message, Saga, Schedule, Timetable,
    endpoint::{Endpoint, EndpointDefinition},
    handler::{Answer, Consumer, Handler, Parameters},
    job::job_type,
    saga::SagaConsumer,
};

/// A bounded context: its endpoints and what it does periodically, all working on one state.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # use wharf::{Key, Message, Module, Msg, Result, State};
/// # #[derive(Serialize, Deserialize)] struct Greeted { name: String }
/// # impl Message for Greeted { const NAME: &'static str = "greeted"; fn key(&self) -> Key { Key::new("name", &self.name) } }
/// #[derive(Clone)]
/// struct Ports {}
///
/// async fn remember(Msg(greeted): Msg<Greeted>, State(_ports): State<Ports>) -> Result {
///     println!("{} was here", greeted.name);
///     Ok(())
/// }
///
/// let module = Module::new("guests", Ports {}).consume("remember-guest", remember);
/// ```
pub struct Module<S> {
    pub(crate) name: &'static str,
    pub(crate) endpoints: Vec<EndpointDefinition>,
    pub(crate) schedules: Vec<Schedule>,
    guard: Option<Arc<dyn Guard>>,
    state: S,
}

impl<S: Clone + Send + Sync + 'static> Module<S> {
    /// A module whose handlers share this state.
    pub fn new(name: &'static str, state: S) -> Self {
        Self { name, endpoints: Vec::new(), schedules: Vec::new(), guard: None, state }
    }

    /// Adds a handler at an endpoint of its own, both called `id`.
    #[must_use]
    pub fn consume<P, H>(self, id: &str, handler: H) -> Self
    where
        H: Handler<P, Returned: Answer>,
        P: Parameters<S>,
    {
        self.endpoint(id, |endpoint| endpoint.consume(id, handler))
    }

    /// Adds a saga at an endpoint of its own.
    #[must_use]
    pub fn saga<G: Saga>(self, endpoint: &str, saga: SagaConsumer<G>) -> Self {
        self.endpoint(endpoint, |endpoint| endpoint.saga(saga))
    }

    /// Adds an endpoint: one queue, with any number of handlers behind it.
    #[must_use]
    pub fn endpoint(mut self, name: &str, build: impl FnOnce(Endpoint<S>) -> Endpoint<S>) -> Self {
        let mut definition = build(Endpoint::new(name, self.state.clone())).definition;
        definition.guard.clone_from(&self.guard);
        self.endpoints.push(definition);
        self
    }

    /// Adds a job: every run of it in this worker is of this handler. `id` names the handler in logs and metrics. See
    /// [`Job`].
    #[must_use]
    pub fn job<P, H>(self, id: &str, handler: H) -> Self
    where
        H: Handler<P, Returned: JobAnswer>,
        P: Parameters<S, Message: Job>,
    {
        self.job_with(id, JobOptions::default(), handler)
    }

    /// As [`Module::job`], run as `options` say.
    #[must_use]
    pub fn job_with<P, H>(mut self, id: &str, options: JobOptions, handler: H) -> Self
    where
        H: Handler<P, Returned: JobAnswer>,
        P: Parameters<S, Message: Job>,
    {
        let consumer = Consumer::of_job(id, handler, self.state.clone());
        let mut definition = EndpointDefinition::of_job(consumer, options, job_type::<P::Message>());
        definition.guard.clone_from(&self.guard);
        self.endpoints.push(definition);
        self
    }

    /// Asks `guard` before any message is handled by this module, at every endpoint it has or gets.
    #[must_use]
    pub fn guard(mut self, guard: Arc<dyn Guard>) -> Self {
        for endpoint in &mut self.endpoints {
            endpoint.guard = Some(Arc::clone(&guard));
        }
        self.guard = Some(guard);
        self
    }

    /// Sends `message` at every multiple of `period` since 1970 in UTC, a millisecond at least: once for each due time,
    /// however many workers run. The engine's clock decides when it is due.
    ///
    /// What was missed while nothing ran is not made up for: it is sent once, at once, and a warning says how many due
    /// times passed. The schedule is called as its message is; for two of one message, see [`Module::every_named`]. All else
    /// that a schedule may be, see [`Module::schedule`].
    #[must_use]
    pub fn every<M: Message>(self, period: Duration, message: M) -> Self {
        self.every_named(M::NAME, period, message)
    }

    /// As [`Module::every`], under a name of its own.
    #[must_use]
    pub fn every_named<M: Message>(self, name: &str, period: Duration, message: M) -> Self {
        self.schedule(Schedule::new(Timetable::every(period), message).named(name))
    }

    /// As [`Module::every`], but a worker leaves the schedule alone for `start_delay` after its start, so that what starts
    /// with it comes first. Workers that run already go on with it meanwhile.
    #[must_use]
    pub fn every_after<M: Message>(self, start_delay: Duration, period: Duration, message: M) -> Self {
        self.schedule(Schedule::new(Timetable::every(period), message).start_delay(start_delay))
    }

    /// Sends a message at the due times of a timetable, each once, however many workers run: by a cron expression and the
    /// clocks of a time zone, at the multiples of a period, or once. The engine's clock decides when it is due.
    ///
    /// What was missed while nothing ran is up to its [`Misfire`](crate::Misfire). A timetable that was declared otherwise
    /// takes effect when the worker next starts, unless somebody has [changed](crate::Client::change_schedule) it by hand.
    /// A schedule that no running worker has stops; it is forgotten once that was so for
    /// `Limits::forsaken_schedule_retention`.
    ///
    /// A handler finds in its [`Envelope`](crate::Envelope)'s trail which [`Firing`](crate::Firing) a message is.
    #[must_use]
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedules.push(schedule.named_for_good());
        self
    }
}

impl<S> fmt::Debug for Module<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("name", &self.name).field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}
