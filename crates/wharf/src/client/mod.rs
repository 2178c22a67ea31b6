//! wharf outside a handler: publishing within a transaction of your own making, and dead letters.

mod schedules;

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use uuid::Uuid;

use crate::{
    Bus, DeadLetter, DeadLetterFilter, Depth, Draft, Error, Heartbeat, Kind, Message, Outgoing, SagaFilter, SagaId,
    SagaRecord, SagaRow, Tenant, Timestamp, Trail, Tx, Vitals,
    health::{Health, Observed, Queues, judge},
    ports::{Cancellation, Engine, Outbox, StoredSubscription, Transaction},
    runtime::Runtime,
    tx::SlotOwner,
};

/// How long health waits for the database: real time, as it guards against an answer that never comes.
const HEALTH_DURATION_MAX: Duration = Duration::from_secs(2);

/// A handle for everything that is not a handler: a web server, a command line, a test. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    runtime: Runtime,
    source: Arc<str>,
}

/// A transaction outside a handler. What is written through `tx` and sent through `bus` happens together, at
/// [`commit`](UnitOfWork::commit), or not at all.
#[derive(Debug)]
pub struct UnitOfWork {
    /// For your writes.
    pub tx: Tx,
    /// For your messages.
    pub bus: Bus,
    slot: Slot,
}

#[derive(Clone)]
struct Slot(SlotOwner);

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Slot")
    }
}

impl Client {
    pub(crate) fn new(runtime: Runtime, source: &str) -> Self {
        Self { runtime, source: Arc::from(source) }
    }

    /// Begins a unit of work. Nothing is opened until its `tx` is first used.
    ///
    /// # Errors
    /// `W0010`, which cannot happen with a fresh unit of work.
    pub fn begin(&self, tenant: &Tenant) -> Result<UnitOfWork, Error> {
        self.begin_on(tenant, Trail::begin(Arc::clone(&self.source)))
    }

    /// Begins a unit of work that continues a trail, such as that of a request.
    ///
    /// # Errors
    /// As [`Client::begin`].
    pub fn begin_on(&self, tenant: &Tenant, trail: Trail) -> Result<UnitOfWork, Error> {
        let engine = Arc::clone(&self.runtime.engine);
        let slot = SlotOwner::alone(engine, tenant.clone(), Arc::new(AtomicBool::new(false)));
        let bus = Bus::new(Arc::clone(&self.runtime.post), tenant.clone(), trail);
        let tx = slot.lend().map_err(|failure| Error::new(failure.code(), failure.chain()))?;
        Ok(UnitOfWork { tx, bus, slot: Slot(slot) })
    }

    /// Begins a unit of work in a transaction that its engine did not open, such as one of the application's own. Engines
    /// use this in their extension traits; `join` makes their transaction of it, or says why it cannot be.
    ///
    /// # Errors
    /// Those of `join`.
    pub fn join_with(
        &self,
        tenant: &Tenant,
        join: impl FnOnce(&dyn Engine) -> Result<Box<dyn Transaction>, Error>,
    ) -> Result<UnitOfWork, Error> {
        let mut work = self.begin(tenant)?;
        work.tx.put(join(&*self.runtime.engine)?);
        Ok(work)
    }

    /// Publishes one event in a commit of its own. Returns the id under which it travels.
    ///
    /// # Errors
    /// When the message cannot be written or the engine does not take it.
    pub async fn publish<M: Message>(&self, tenant: &Tenant, event: M) -> Result<Uuid, Error> {
        const { assert!(matches!(M::KIND, Kind::Event), "this message is a command: use `send`") };
        self.post(tenant, &Draft::of(&event)).await
    }

    /// Sends one command in a commit of its own. Returns the id under which it travels.
    ///
    /// # Errors
    /// As [`Client::publish`], or `W0013` when nobody consumes it.
    pub async fn send<M: Message>(&self, tenant: &Tenant, command: M) -> Result<Uuid, Error> {
        const { assert!(matches!(M::KIND, Kind::Command), "this message is an event: use `publish`") };
        self.post(tenant, &Draft::of(&command)).await
    }

    /// Sends or publishes one message, as it was written down, in a commit of its own. Returns the id under which it
    /// travels.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn post(&self, tenant: &Tenant, draft: &Draft) -> Result<Uuid, Error> {
        let (work, id) = (self.begin(tenant)?, Uuid::now_v7());
        work.bus.post_as(id, draft);
        work.commit().await?;
        Ok(id)
    }

    /// Cancels a message: a person no longer wants it to be handled. What waits of it in the store goes to the dead letters
    /// with `W0070`; returns how many deliveries did, one for each endpoint at which it waited. Where it is being handled,
    /// in whatever process, the handler hears of it through its [`Cancel`](crate::Cancel), with
    /// [`CancelReason::User`](crate::CancelReason::User), and is dropped at its next await; that too is a dead letter with
    /// `W0070`, which is not tried again. A handler that ends well all the same has handled it. The run of a job leaves no dead
    /// letter; its history says that it was cancelled.
    ///
    /// It reaches what waits and what is held at this moment, no more: a message that is just passing from one to the other,
    /// or that a transport of another kind than the store carries, may be missed, and so may a worker that cannot be told.
    /// Nothing breaks then; ask again.
    ///
    /// ```
    /// # use wharf::{Client, Error, Message, Tenant};
    /// # async fn example<M: Message>(client: &Client, tenant: &Tenant, report: M) -> Result<(), Error> {
    /// let id = client.post(tenant, &wharf::Draft::of(&report)).await?;
    /// // Whoever asked for it has gone home.
    /// client.cancel(tenant, id).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the engine does not answer; or, once what waits is set aside, when what carries signals does not.
    pub async fn cancel(&self, tenant: &Tenant, message: Uuid) -> Result<u64, Error> {
        let cancellation = Cancellation { tenant: tenant.clone(), message };
        let waited = self.runtime.engine.cancel(&cancellation).await?;
        self.runtime.signals().cancel(&cancellation).await?;
        Ok(waited)
    }

    pub(crate) fn engine(&self) -> &dyn Engine {
        &*self.runtime.engine
    }

    /// What this client calls itself.
    pub(crate) fn source(&self) -> &Arc<str> {
        &self.source
    }

    /// The dead letters that match, oldest first.
    ///
    /// # Errors
    /// When the engine does not answer; so for the calls below.
    pub async fn dead_letters(&self, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, Error> {
        self.runtime.engine.dead_letters(filter).await
    }

    /// Sends the dead letters that match round again; returns how many.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn redrive(&self, filter: &DeadLetterFilter) -> Result<u64, Error> {
        self.runtime.engine.redrive(filter).await
    }

    /// Deletes the dead letters that match; returns how many.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn discard(&self, filter: &DeadLetterFilter) -> Result<u64, Error> {
        self.runtime.engine.discard(filter).await
    }

    /// Ends the subscription of an endpoint to the messages of one name, when no worker is ever to consume them there
    /// again. What waits for it goes to the dead letters with `W0034`; returns how many. A worker that still consumes
    /// them finishes what it holds, and declares the subscription again when it next starts; processes that have not
    /// heard yet may send there for as long as `Limits::fallback_poll`. To catch what they sent, call it again.
    ///
    /// # Errors
    /// When the engine does not answer. Then part of it may be done; call it again.
    pub async fn retire(&self, endpoint: &str, message: &str) -> Result<u64, Error> {
        let carried = self.runtime.via.as_ref().map(|_| Outbox::endpoint(endpoint));
        let mut all = self.retire_one(endpoint, message).await?;
        if let Some(outbox) = carried {
            all += self.retire_one(&outbox, message).await?;
        }
        Ok(all)
    }

    async fn retire_one(&self, endpoint: &str, message: &str) -> Result<u64, Error> {
        let max = self.runtime.limits.retire_batch_max_rows;
        let mut all = 0;
        loop {
            let some = self.runtime.engine.retire(endpoint, message, max).await?;
            all += some;
            if some < max as u64 {
                return Ok(all);
            }
        }
    }

    /// Who consumes what, as all processes have declared it.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn subscriptions(&self) -> Result<Vec<StoredSubscription>, Error> {
        self.runtime.engine.subscriptions().await
    }

    /// One saga instance, as stored.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn saga(&self, id: &SagaId) -> Result<Option<SagaRow>, Error> {
        self.runtime.engine.saga(id).await
    }

    /// The saga instances that match, with their timers: first those that have not come to their end, the one that has
    /// stood still the longest first; then those that have, the last one first. Looks through every instance that is
    /// stored, unless the filter asks for [one](SagaFilter::one) or for finished ones.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn sagas(&self, filter: &SagaFilter) -> Result<Vec<SagaRecord>, Error> {
        self.runtime.engine.sagas(filter).await
    }

    /// How much waits at each endpoint. With a transport of another kind than the store, what waits for it stands under
    /// `outbox:` and the destination's name; while it does not answer, that is all that can be told.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn depth(&self) -> Result<Vec<Depth>, Error> {
        let mut depths = self.runtime.engine.depth().await?;
        if let Some(transport) = &self.runtime.via {
            match transport.depth().await {
                Ok(carried) => depths.extend(carried),
                Err(error) => tracing::warn!(error = error.chain(), "the transport did not say how much waits there"),
            }
        }
        Ok(depths)
    }

    /// Whether nothing waits, now or for later, and nothing is held, as far as store and transport know. What a transport
    /// of another kind has handed to other processes it may not tell.
    ///
    /// # Errors
    /// When either does not answer: then nobody knows.
    pub async fn is_idle(&self) -> Result<bool, Error> {
        let mut depths = self.runtime.engine.depth().await?;
        if let Some(transport) = &self.runtime.via {
            depths.extend(transport.depth().await?);
        }
        Ok(depths.iter().all(|depth| depth.due + depth.delayed + depth.held == 0))
    }

    /// Whether the engine answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        self.runtime.engine.ping().await
    }

    /// How this process is, with reasons. Never fails and never waits long: a database that does not answer within two
    /// seconds is down. Whether the process is *live* shows by its answering at all; it is *ready* unless
    /// [`Health::status`] is [`Status::Down`](crate::Status::Down).
    pub async fn health(&self) -> Health {
        let engine = &self.runtime.engine;
        let asked = async {
            engine.ping().await?;
            let (depths, dead_letters) =
                (engine.depth().await?, engine.count_dead_letters(Depth::COUNT_MAX_ROWS).await?);
            Ok::<_, Error>(Queues { depths, dead_letters })
        };
        let signals = async {
            match &self.runtime.signals {
                Some(signals) => Some(answer("what carries signals", signals.ping()).await),
                None => None,
            }
        };
        let (database, signals) = futures_util::future::join(answer("the database", asked), signals).await;
        let vitals = &self.runtime.vitals;
        let transport = self.runtime.via.as_ref().and_then(|transport| transport.condition());
        judge(&Observed { now: self.now(), worker: vitals.state(), database, signals, transport, vitals: vitals.all() })
    }

    /// The workers, of all processes, that were heard of lately: each tells how it is every
    /// [`Limits::heartbeat_every`](crate::Limits::heartbeat_every), and is listed until three times as long has passed
    /// without a word. So one that was killed is listed for a while, and one that has stopped is not.
    ///
    /// # Errors
    /// When what carries signals does not answer: the engine, or what [`Worker::signals`](crate::Worker::signals) was given.
    pub async fn workers(&self) -> Result<Vec<Heartbeat>, Error> {
        self.runtime.signals().workers().await
    }

    /// Signs of life of the worker this client belongs to.
    pub fn vitals(&self) -> &Vitals {
        &self.runtime.vitals
    }

    /// The time by the worker's clock.
    pub fn now(&self) -> Timestamp {
        self.runtime.post.clock.now()
    }
}

/// What was asked answers in time, or why it does not. Strangers ask for health too: the code says enough, the log says
/// the rest.
async fn answer<T>(who: &str, asked: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
    match tokio::time::timeout(HEALTH_DURATION_MAX, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(format!("{who} does not answer ({})", error.code())),
        Err(_) => Err(format!("{who} did not answer within {HEALTH_DURATION_MAX:?}")),
    }
}

impl UnitOfWork {
    /// Commits what was written and sends what was collected, in one commit.
    ///
    /// # Errors
    /// Then nothing of it happened.
    pub async fn commit(self) -> Result<(), Error> {
        let Self { tx, bus, slot } = self;
        let outgoing = bus.take_plain()?;
        drop(tx);
        let transaction = slot.0.take_back().map_err(|failure| Error::new(failure.code(), failure.chain()))?;
        match transaction {
            Some(transaction) => transaction.commit(&outgoing).await,
            None => slot.0.engine().await.send(&outgoing).await,
        }
    }

    /// What was collected, for engines that write it within a transaction whose commit is in other hands.
    ///
    /// # Errors
    /// When a message cannot be written, or `W0013` when it is a command that nobody consumes.
    pub fn into_outgoing(self) -> Result<Vec<Outgoing>, Error> {
        self.bus.take_plain()
    }

    /// Undoes what was written and forgets what was collected. Dropping it does the same, without waiting.
    ///
    /// # Errors
    /// When the engine does not answer; it has then undone it too.
    pub async fn rollback(self) -> Result<(), Error> {
        let Self { tx, slot, .. } = self;
        drop(tx);
        match slot.0.take_back() {
            Ok(Some(transaction)) => transaction.rollback().await,
            Ok(None) | Err(_) => Ok(()),
        }
    }
}
