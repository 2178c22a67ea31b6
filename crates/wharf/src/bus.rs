//! Sending: what is sent here leaves only if the transaction around it commits.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use uuid::Uuid;

use crate::{
    Clock, Code, Draft, Envelope, Error, Job, Journey, Kind, Message, Outgoing, Tenant, Trail,
    failure::{Failure, Verdict},
    job::{self, KnownJobs},
    ports::Outbox,
    routes::{Current, Destination, Routes},
};

/// Collects what a handler, or a unit of work outside one, sends. Cheap to clone; clones collect together.
///
/// Sending cannot fail at the call: a body that is too large or a command that nobody consumes fails the delivery (or
/// the unit of work) when it is about to commit, with its code.
#[derive(Clone)]
pub struct Bus {
    shared: Arc<Shared>,
}

struct Shared {
    post: Arc<PostOffice>,
    tenant: Tenant,
    trail: Trail,
    collected: Mutex<Collected>,
}

#[derive(Default)]
struct Collected {
    outgoing: Vec<Outgoing>,
    error: Option<Error>,
    /// What comes after this goes nowhere.
    closed: bool,
}

/// What turns messages into outgoing deliveries: the same for the whole worker.
#[derive(Debug)]
pub(crate) struct PostOffice {
    pub(crate) routes: Current<Routes>,
    pub(crate) jobs: Current<KnownJobs>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) body_size_max_bytes: usize,
    /// Whether messages go to endpoints directly, or wait in the outbox for a transport of another kind.
    pub(crate) joined: bool,
}

impl Bus {
    pub(crate) fn new(post: Arc<PostOffice>, tenant: Tenant, trail: Trail) -> Self {
        Self { shared: Arc::new(Shared { post, tenant, trail, collected: Mutex::default() }) }
    }

    /// Publishes an event to every endpoint that listens.
    pub fn publish<M: Message>(&self, event: M) {
        self.publish_after(Duration::ZERO, event);
    }

    /// Publishes an event that nobody sees before `delay` has passed. The delay survives a crash.
    pub fn publish_after<M: Message>(&self, delay: Duration, event: M) {
        const { assert!(matches!(M::KIND, Kind::Event), "this message is a command: use `send`") };
        self.post(&Draft::of(&event).after(delay));
    }

    /// Sends a command to its one consumer.
    pub fn send<M: Message>(&self, command: M) {
        self.send_after(Duration::ZERO, command);
    }

    /// Sends a command that is taken up only after `delay`. The delay survives a crash.
    pub fn send_after<M: Message>(&self, delay: Duration, command: M) {
        const { assert!(matches!(M::KIND, Kind::Command), "this message is an event: use `publish`") };
        self.post(&Draft::of(&command).after(delay));
    }

    /// Enqueues a job.
    pub fn enqueue<J: Job>(&self, job: J) {
        self.post(&Draft::of(&job));
    }

    /// Sends, publishes or enqueues a message as it was written down: with a delay, a priority or an expiry of its own.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use wharf::{Bus, Draft, Message, Priority};
    /// # fn example<M: Message>(bus: &Bus, offer: &M) {
    /// bus.post(&Draft::of(offer).priority(Priority::High).expires_in(Duration::from_secs(60)));
    /// # }
    /// ```
    pub fn post(&self, draft: &Draft) {
        self.post_as(Uuid::now_v7(), draft);
    }

    /// The same, under this id.
    pub(crate) fn post_as(&self, id: Uuid, draft: &Draft) {
        let posted = self.shared.post.address(id, draft, &self.shared.tenant, &self.shared.trail);
        let mut collected = self.collected();
        if collected.closed {
            tracing::error!(message = &*draft.name, key = %draft.key, "sent after its handler had ended; it goes nowhere");
            return;
        }
        match posted {
            Ok(outgoing) => collected.outgoing.extend(outgoing),
            Err(error) => collected.error = collected.error.take().or(Some(error)),
        }
    }

    /// Where a message for this endpoint is put.
    pub(crate) fn way_to(&self, endpoint: &Arc<str>) -> Arc<str> {
        self.shared.post.way_to(endpoint)
    }

    /// Whether a message takes turns with those of its key where it is put, if it does so at its endpoint.
    pub(crate) fn takes_turns_on_the_way(&self, at_its_endpoint: bool) -> bool {
        self.shared.post.takes_turns_on_the_way(at_its_endpoint)
    }

    /// The chain of messages this bus continues.
    pub fn trail(&self) -> &Trail {
        &self.shared.trail
    }

    /// Everything collected, leaving nothing; the first error instead, if there was one.
    pub(crate) fn take(&self) -> Result<Vec<Outgoing>, Failure> {
        self.take_plain().map_err(|error| Failure::coded(Verdict::DeadLetter, error))
    }

    /// As [`Bus::take`], for callers that are no handlers.
    pub(crate) fn take_plain(&self) -> Result<Vec<Outgoing>, Error> {
        let mut collected = self.collected();
        collected.closed = true;
        let outgoing = std::mem::take(&mut collected.outgoing);
        collected.error.take().map_or(Ok(outgoing), Err)
    }

    fn collected(&self) -> MutexGuard<'_, Collected> {
        self.shared.collected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PostOffice {
    /// One outgoing delivery for each endpoint that consumes the message.
    pub(crate) fn address(
        &self,
        id: Uuid,
        draft: &Draft,
        tenant: &Tenant,
        trail: &Trail,
    ) -> Result<Vec<Outgoing>, Error> {
        if draft.unique.is_some() && draft.kind != Kind::Job {
            let message = format!("`{}` is no job, and asks to be the only one of its key", draft.name);
            return Err(Error::new(Code::JOB_MISPLACED, message));
        }
        let (routes, queue);
        let endpoints = if draft.kind == Kind::Job {
            queue = [Destination { endpoint: job::queue(&draft.name), takes_turns: draft.in_order }];
            &queue[..]
        } else {
            routes = self.routes.get();
            routes.find(&draft.name, draft.kind)?
        };
        if endpoints.is_empty() {
            return Ok(Vec::new());
        }
        check_text(draft, tenant)?;
        let body = draft.checked_body(self.body_size_max_bytes)?;
        let version = self.jobs.get().admit(draft)?;
        let now = self.clock.now();
        // One that waits before it is put on the transport says until when.
        let delay = draft.at.map_or(draft.delay, |at| at.since(now));
        let is_carried = !self.joined && draft.kind != Kind::Job;
        let journey = (is_carried && !delay.is_zero()).then(|| Journey::begin(now + delay));
        let envelope = Envelope {
            id,
            name: Arc::from(&*draft.name),
            version,
            kind: draft.kind,
            key: draft.key.clone(),
            tenant: tenant.clone(),
            sent_at: now,
            attempt: 0,
            crashes: 0,
            redrives: 0,
            priority: draft.priority,
            expires_at: None,
            trail: Trail { journey, ..trail.clone() },
        };
        Ok(endpoints
            .iter()
            .map(|Destination { endpoint, takes_turns }| {
                let way = if is_carried { self.way_to(endpoint) } else { Arc::clone(endpoint) };
                let mut outgoing = Outgoing::new(way, envelope.clone(), Arc::clone(body));
                (outgoing.delay, outgoing.expires_in) = (delay, draft.expires_in);
                outgoing.unique = draft.unique.as_deref().map(Arc::from);
                if *takes_turns || is_carried { outgoing.in_turn() } else { outgoing }
            })
            .collect())
    }

    /// Where a message for this endpoint is put: there, or in its outbox.
    pub(crate) fn way_to(&self, endpoint: &Arc<str>) -> Arc<str> {
        if self.joined { Arc::clone(endpoint) } else { Outbox::endpoint(endpoint) }
    }

    /// Whether a message takes turns with those of its key where it is put. An outbox keeps the order of every key.
    pub(crate) fn takes_turns_on_the_way(&self, at_its_endpoint: bool) -> bool {
        at_its_endpoint || !self.joined
    }
}

/// PostgreSQL cannot store a NUL; so no engine is given one, and code that works on one works on all.
fn check_text(draft: &Draft, tenant: &Tenant) -> Result<(), Error> {
    let unique = draft.unique.as_deref().unwrap_or_default();
    let texts = [("key", draft.key.as_str()), ("tenant", tenant.as_str()), ("unique key", unique)];
    match texts.into_iter().find(|(_, text)| text.contains('\0')) {
        Some((what, text)) => {
            let message = format!("message `{}`: the {what} {text:?} contains a NUL", draft.name);
            Err(Error::new(Code::TEXT_UNSTORABLE, message))
        }
        None => Ok(()),
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus").field("collected", &self.collected().outgoing.len()).finish_non_exhaustive()
    }
}
