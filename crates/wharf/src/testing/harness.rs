//! Drives a whole worker one delivery at a time, on a clock that the test winds.
#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::{fmt, iter, sync::Arc, time::Duration};

use uuid::Uuid;

use super::{ManualClock, transcript::Transcript};
use crate::{
    Cancel, Client, Clock, DeadLetter, DeadLetterFilter, Draft, Error, Job, Key, Message, RunRecord, Saga, SagaId,
    Tenant, Timestamp, Worker,
    endpoint::EndpointDefinition,
    ports::{Claim, Engine},
    runtime::{Batch, Delivered, Ended, Runtime, Taken, deliver, done, fire_schedule},
    saga::read_stored,
    worker::ReadyWorker,
};

/// More deliveries than this without time moving on are a loop.
const SETTLE_DELIVERIES_MAX: usize = 100_000;
/// An engine that fails this often in a row is not coming back.
const ENGINE_TRIES_MAX: usize = 100;

/// Runs a worker for a test: nothing happens in the background, everything in one order, and time stands still until it
/// is wound, so that a timeout of thirty days takes a millisecond.
///
/// ```no_run
/// # use std::time::Duration;
/// # use wharf::{Memory, Message, Module, Worker, testing::{Harness, ManualClock}};
/// # async fn test<OrderPlaced: Message>(shop: Module<()>, order_placed: OrderPlaced) {
/// let clock = ManualClock::new();
/// let mut app = Harness::start(Worker::new(Memory::with_clock(clock.clone())).module(shop), clock).await;
/// app.publish(order_placed).await;
/// app.settle().await;
/// app.wind(Duration::from_secs(600)).await;
/// assert_eq!(app.transcript(), "…");
/// app.finish().await;
/// # }
/// ```
///
/// It works on every engine. When it is dropped and deliveries or dead letters are left behind, it panics and lists
/// them; [`Harness::leaving_behind`] says that they may be.
pub struct Harness {
    worker: ReadyWorker,
    client: Client,
    clock: ManualClock,
    tenant: Tenant,
    /// When each of the worker's schedules is due next.
    due_at: Vec<Option<Timestamp>>,
    /// Since when it is looked at.
    looked_from: Vec<Timestamp>,
    transcript: Transcript,
    /// What would be left behind if the test ended now.
    left_behind: Vec<String>,
}

impl Harness {
    /// Takes charge of a worker whose engine lives by this clock.
    ///
    /// # Panics
    /// When the worker is refused.
    pub async fn start(worker: Worker, clock: ManualClock) -> Self {
        // Whatever is declared is declared at this moment.
        let now = clock.now();
        insist(async || worker.engine.wind_to(now).await).await;
        let mut worker = worker.prepare().await.unwrap_or_else(|refused| panic!("{refused}"));
        // Nobody winds the clock while a delivery waits: what a layer does not let pass comes back later.
        Arc::make_mut(&mut worker.runtime.limits).layer_wait = Duration::ZERO;
        let looked_from: Vec<_> = worker.schedules.iter().map(|schedule| schedule.first_look(now)).collect();
        let due_at = looked_from.iter().copied().map(Some).collect();
        let client = worker.client("test");
        let tenant = Tenant::default();
        let (transcript, left_behind) = (Transcript::default(), Vec::new());
        let mut harness = Self { worker, client, clock, tenant, due_at, looked_from, transcript, left_behind };
        harness.move_to(now).await;
        harness.fire_schedules().await;
        harness.look().await;
        harness
    }

    /// From here on messages are sent, and sagas read, for this tenant.
    pub fn switch_tenant(&mut self, tenant: Tenant) {
        self.tenant = tenant;
    }

    /// Publishes an event, as the world outside would. Nobody has it yet: [`Harness::settle`] delivers.
    pub async fn publish<M: Message>(&mut self, event: M) {
        self.transcript.sent(&Draft::of(&event));
        expect(self.client.publish(&self.tenant, event).await);
        self.look().await;
    }

    /// Sends a command, as the world outside would.
    pub async fn send<M: Message>(&mut self, command: M) {
        self.transcript.sent(&Draft::of(&command));
        expect(self.client.send(&self.tenant, command).await);
        self.look().await;
    }

    /// Enqueues a job, as the world outside would. Returns the id of its run.
    pub async fn enqueue<J: Job>(&mut self, job: J) -> Uuid {
        self.transcript.sent(&Draft::of(&job));
        let id = expect(self.client.enqueue(&self.tenant, job).await);
        self.look().await;
        id
    }

    /// What became of a run, as far as it has come.
    ///
    /// # Panics
    /// When there is none of this id.
    pub async fn run(&self, id: Uuid) -> RunRecord {
        expect(self.client.run(&self.tenant, id).await).unwrap_or_else(|| panic!("there is no run {id}"))
    }

    /// What a run logged, one line for each.
    pub async fn run_log(&self, id: Uuid) -> Vec<String> {
        let lines = expect(self.client.run_log(&self.tenant, id, None).await);
        lines.into_iter().map(|line| format!("{} {}", line.level, line.text)).collect()
    }

    /// Delivers until nothing is due. Time stands still.
    pub async fn settle(&mut self) {
        self.deliver_all().await;
        self.look().await;
    }

    /// Lets this much time pass, stopping at every moment at which something is due: delayed messages, retries, timers,
    /// leases that run out, and what modules send every so often.
    pub async fn wind(&mut self, by: Duration) {
        let end = self.clock.now() + by;
        // Somebody may have changed one meanwhile.
        self.due_at = self.looked_from.iter().map(|from| Some((*from).max(self.clock.now()))).collect();
        self.fire_schedules().await;
        loop {
            let due = self.deliver_all().await;
            let schedule = self.due_at.iter().flatten().min().copied();
            match due.into_iter().chain(schedule).min() {
                Some(next) if next <= end => self.move_to(next).await,
                Some(_) | None => break,
            }
            self.fire_schedules().await;
        }
        self.move_to(end).await;
        // An engine need not say when a lease will run out.
        self.settle().await;
    }

    /// What happened since this was last asked, one line for each delivery: who got what, what followed from it.
    ///
    /// ```text
    /// → shop.order-placed order:1
    /// stock ← shop.order-placed order:1 ⇒ stock.reserved
    /// payment ← stock.reserved order:1 ✗ W0001 the gateway is away, again in 1s
    /// -- 1s later
    /// payment ← stock.reserved order:1 ⇒ payment.approved
    /// ```
    pub fn transcript(&mut self) -> String {
        self.transcript.take()
    }

    /// Every dead letter, oldest first.
    pub async fn dead_letters(&self) -> Vec<DeadLetter> {
        expect(self.client.dead_letters(&DeadLetterFilter::default()).await)
    }

    /// Sends dead letters round again; returns how many.
    pub async fn redrive(&mut self, filter: &DeadLetterFilter) -> u64 {
        let redriven = expect(self.client.redrive(filter).await);
        self.look().await;
        redriven
    }

    /// Where a saga stands, and its facts, migrated as the next event would.
    ///
    /// # Panics
    /// When this code cannot read the instance.
    pub async fn saga<G: Saga>(&self, key: &Key) -> Option<(G::State, G::Facts)> {
        let id = SagaId { tenant: self.tenant.clone(), saga: Arc::from(G::NAME), key: key.clone() };
        let row = expect(self.client.saga(&id).await)?;
        let (facts, state) = expect(read_stored::<G>(&row));
        Some((state, facts))
    }

    /// For everything else that an application does outside its handlers.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The time it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Ends the test.
    ///
    /// # Panics
    /// When something is left behind.
    pub async fn finish(mut self) {
        self.look().await;
    }

    /// Ends the test; what is left behind is meant to be.
    pub fn leaving_behind(mut self) {
        self.left_behind.clear();
    }

    /// Delivers until nothing is due; returns when something will be.
    async fn deliver_all(&mut self) -> Option<Timestamp> {
        for _ in 0..SETTLE_DELIVERIES_MAX {
            let timers = insist(async || self.engine().fire_timers(1).await).await;
            let mut moved = timers.fired > 0;
            let mut next_due = timers.next_due;
            let (of_the_store, carried) = (self.worker.runtime.of_the_store(), self.worker.runtime.clone());
            let outboxes = self.worker.outboxes.clone().into_iter().map(|outbox| (of_the_store.clone(), outbox));
            let endpoints =
                self.worker.endpoints.clone().into_iter().map(|endpoint| (carried.serving(&endpoint), endpoint));
            for (runtime, endpoint) in outboxes.chain(endpoints) {
                match self.deliver_one(&runtime, &endpoint).await {
                    Next::Delivered => moved = true,
                    Next::Due(due) => next_due = next_due.into_iter().chain(due).min(),
                }
            }
            if !moved {
                return next_due;
            }
        }
        panic!("{SETTLE_DELIVERIES_MAX} deliveries and no end:\n{}", self.transcript.end(20));
    }

    async fn deliver_one(&mut self, runtime: &Runtime, endpoint: &Arc<EndpointDefinition>) -> Next {
        let claim = Claim::new(&endpoint.name, 1, runtime.limits.lease).turns(endpoint.turns);
        let taken = persist(async || runtime.claim(&endpoint.name, &claim).await).await;
        let Taken { claimed, repeated } = match taken {
            Ok(taken) => taken,
            // A worker looks again until its transport is back.
            Err(_) if runtime.via.is_some() => return Next::Due(None),
            Err(error) => panic!("the engine does not answer: {}", error.chain()),
        };
        let handled = claimed.deliveries.into_iter().next().map(|delivery| (Arc::new(delivery), false));
        let copy = repeated.into_iter().next().map(|delivery| (Arc::new(delivery), true));
        let Some((delivery, is_copy)) = handled.or(copy) else { return Next::Due(claimed.next_due) };
        let delivered = match is_copy {
            true => Delivered::Repeated(done(delivery.lease)),
            false => deliver(runtime, endpoint, Arc::clone(&delivery), Cancel::default()).await,
        };
        let ours = match &delivered {
            Delivered::Committed(_) => true,
            Delivered::Stale => false,
            Delivered::Unsettled(settlement)
            | Delivered::Failed(settlement, _)
            | Delivered::Noted(settlement, _)
            | Delivered::Repeated(settlement) => {
                let ended = Ended { settlement: settlement.clone(), delivery: Arc::clone(&delivery) };
                let batch: Batch = iter::once(ended).collect();
                insist(async || runtime.settle(&endpoint.name, &batch).await).await == [true]
            }
        };
        // A relay that does its work is no part of the story.
        if endpoint.relay.is_none() || matches!(delivered, Delivered::Failed(..)) {
            self.transcript.delivered(&endpoint.name, &delivery, &delivered, ours);
        }
        Next::Delivered
    }

    /// Sends what modules send every so often and is due now.
    async fn fire_schedules(&mut self) {
        let now = self.clock.now();
        for (schedule, due_at) in self.worker.schedules.iter().zip(&mut self.due_at) {
            while due_at.is_some_and(|due| due <= now) {
                let ticked = insist(async || fire_schedule(&self.worker.runtime, schedule).await).await;
                *due_at = ticked.next_due;
                (0..ticked.fired).for_each(|_| self.transcript.ticked(&schedule.name));
            }
        }
    }

    /// Moves both clocks: the test's, and the database's where it keeps time.
    async fn move_to(&mut self, moment: Timestamp) {
        insist(async || self.engine().wind_to(moment).await).await;
        self.transcript.passed(moment.since(self.clock.now()));
        self.clock.wind_to(moment);
    }

    /// Notes what would be left behind if the test ended now, as a drop cannot ask.
    async fn look(&mut self) {
        let depths = insist(async || self.client.depth().await).await;
        let waiting = depths.iter().map(|depth| {
            format!("`{}`: {} due, {} delayed, {} held", depth.endpoint, depth.due, depth.delayed, depth.held)
        });
        let letters = insist(async || self.engine().dead_letters(&DeadLetterFilter::default()).await).await;
        let dead = letters.iter().map(|letter| {
            let envelope = &letter.envelope;
            format!("`{}`: dead letter {} {}: {}", letter.endpoint, envelope.name, envelope.key, letter.reason)
        });
        self.left_behind = waiting.chain(dead).collect();
    }

    fn engine(&self) -> &dyn Engine {
        &*self.worker.runtime.engine
    }
}

/// What a look at an endpoint brought.
enum Next {
    Delivered,
    /// Nothing is due before this.
    Due(Option<Timestamp>),
}

/// Asks again when the engine does not answer, as the runtime would after a pause.
async fn persist<T>(mut call: impl AsyncFnMut() -> Result<T, Error>) -> Result<T, Error> {
    for _ in 0..ENGINE_TRIES_MAX {
        if let Ok(answer) = call().await {
            return Ok(answer);
        }
    }
    call().await
}

async fn insist<T>(call: impl AsyncFnMut() -> Result<T, Error>) -> T {
    persist(call).await.unwrap_or_else(|error| panic!("the engine does not answer: {}", error.chain()))
}

fn expect<T>(answer: Result<T, Error>) -> T {
    answer.unwrap_or_else(|error| panic!("{}", error.chain()))
}

impl Drop for Harness {
    fn drop(&mut self) {
        if !self.left_behind.is_empty() && !std::thread::panicking() {
            panic!("the test left behind:\n  {}", self.left_behind.join("\n  "));
        }
    }
}

impl fmt::Debug for Harness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Harness").field("worker", &self.worker).field("clock", &self.clock).finish_non_exhaustive()
    }
}
