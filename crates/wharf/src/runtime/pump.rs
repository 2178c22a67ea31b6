//! An endpoint's pump: claims while there is room, runs handlers, settles what they leave in batches.
//!
//! Nothing here waits for a batch to fill. One claim, one settlement and one renewal may be under way while handlers
//! run; what ends meanwhile is settled together next, and what ends in the same millisecond. Under load batches grow by
//! themselves, and an idle pump settles at once.
//!
//! A claim that has the process's one permit may bring a survivor of a crash, which keeps the permit until it is settled;
//! one without brings fresh deliveries only. So fresh ones flow on beside a survivor, and survivors come one by one. A
//! pump that had to do without while a survivor ran queues for the permit, and so does one whose own survivor has just
//! ended, behind the others: each endpoint's survivors get their turn.
//!
//! When the engine does not answer, the pump keeps what it holds and tries again after a pause. A settlement whose
//! answer was lost is simply made again: the epoch tells that it was already done. When it refuses a batch, its
//! settlements are made one by one, and one that is refused even then is its delivery's own failure.

use std::{
    collections::{HashMap, VecDeque},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Fuse, FusedFuture},
};
use tokio::{
    sync::{broadcast, broadcast::error::RecvError, watch},
    task::JoinSet,
};

use super::{
    Delivered, Ended, Lookout, Runtime,
    alarm::Alarm,
    deliver,
    inbox::{Batch, Taken, done, returned},
    reporting::refused,
    slots::{Slot, Slots},
    survivors::Permit,
};
use crate::{
    Cancel, CancelReason, Code, Delivery, Error, Timestamp,
    endpoint::EndpointDefinition,
    layer::LATER,
    ports::{Cancellation, Claim, Lease, Outcome, Settlement, Turns, Wakeups},
    retry::Next,
};

/// Whether a worker goes on, lets its handlers finish, or gives up waiting for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Running,
    Draining,
    Abandoning,
}

/// Runs one endpoint until the worker stops; returns once everything it held is settled or returned.
pub(crate) async fn pump(
    runtime: Runtime,
    endpoint: Arc<EndpointDefinition>,
    mut phase: watch::Receiver<Phase>,
) -> Result<(), Error> {
    let transport = runtime.transport();
    let bell = transport.wakeups().bell(&endpoint.name);
    let leases = transport.wakeups().bell(&Wakeups::leases(&endpoint.name));
    let clock = Arc::clone(&runtime.post.clock);
    let mut pump = Pump::new(runtime, endpoint);
    loop {
        pump.join_those_who_end_now().await;
        pump.start_renewing();
        pump.start_handlers(*phase.borrow());
        pump.start_claim(*phase.borrow());
        pump.start_settling();
        if *phase.borrow() > Phase::Running && pump.is_empty() {
            return Ok(());
        }
        let waiting = pump.is_waiting();
        pump.queue_for_permit(waiting);
        pump.set_alarm(waiting && *phase.borrow() == Phase::Running);
        tokio::select! {
            biased;
            _ = phase.changed() => pump.on_phase(*phase.borrow()),
            settled = &mut pump.settling => pump.on_settled(settled, *phase.borrow()),
            answered = &mut pump.claiming => pump.on_claimed(answered),
            permit = &mut pump.permit_coming => pump.on_permit(permit),
            slot = &mut pump.slots.coming => pump.on_slot(slot),
            // Before the end of one makes room for another to begin, which may be the one that is meant.
            told = pump.cancellations.recv() => pump.on_cancellation(told),
            Some(ended) = pump.running.join_next() => pump.on_ended(ended),
            lost = &mut pump.renewing => pump.on_renewed(lost),
            _ = leases.notified() => pump.renew_at = clock.now(),
            due_in = bell.notified(), if waiting => pump.look_at = pump.look_at.min(clock.now() + due_in),
            () = &mut pump.alarm.rings => {}
        }
    }
}

/// How long the pump leaves an engine alone that did not answer.
const TROUBLE_PAUSE: Duration = Duration::from_secs(1);

/// For so long those who have ended wait for those who are about to.
const MOMENT: Duration = Duration::from_millis(1);

/// `None` when the delivery broke off outside its handler.
type Ran = (Lease, Option<Delivered>);
/// A claim's answer, and the permit it was made with.
type Answered = (Option<Permit>, Result<Taken, Error>);
type Settled = (Batch, Result<Vec<bool>, Error>);

struct Pump {
    runtime: Runtime,
    endpoint: Arc<EndpointDefinition>,
    ready: VecDeque<Arc<Delivery>>,
    running: JoinSet<Ran>,
    /// Since when deliveries have been ready for which no handler was free.
    waits_since: Option<Timestamp>,
    /// Everything held.
    held: HashMap<Lease, Held>,
    cancellations: broadcast::Receiver<Cancellation>,
    to_settle: VecDeque<Ended>,
    /// So many settlements are made one by one, because the engine refused them together.
    to_settle_singly: usize,
    claiming: Fuse<BoxFuture<'static, Answered>>,
    claim_size: usize,
    /// For the next claim to bring a survivor.
    permit: Option<Permit>,
    permit_coming: Fuse<BoxFuture<'static, Permit>>,
    wants_permit: bool,
    slots: Slots,
    settling: Fuse<BoxFuture<'static, Settled>>,
    settling_size: usize,
    renewing: Fuse<BoxFuture<'static, Result<Vec<Lease>, Error>>>,
    look_at: Timestamp,
    /// Nothing is claimed before this: a layer turned a delivery away, and would the next.
    shut_until: Timestamp,
    lookout: Lookout,
    settle_at: Timestamp,
    renew_at: Timestamp,
    alarm: Alarm,
}

/// A delivery that is held: what tells its handler to stop, and what a failure is counted on.
struct Held {
    cancel: Cancel,
    delivery: Arc<Delivery>,
    attempt: u32,
    /// Kept by a survivor until it is let go.
    permit: Option<Permit>,
    /// Of a job.
    _slot: Option<Slot>,
}

impl Pump {
    fn new(runtime: Runtime, endpoint: Arc<EndpointDefinition>) -> Self {
        let now = runtime.post.clock.now();
        let renew_at = now + runtime.limits.lease / 3;
        let cancellations = runtime.presence.cancellations();
        let alarm = Alarm::new(Arc::clone(&runtime.post.clock));
        let slots = Slots::of(endpoint.job.as_ref().map(|_| Arc::clone(&runtime.jobs.slots)));
        Self {
            runtime,
            endpoint,
            ready: VecDeque::new(),
            waits_since: None,
            running: JoinSet::new(),
            held: HashMap::new(),
            cancellations,
            to_settle: VecDeque::new(),
            to_settle_singly: 0,
            claiming: Fuse::terminated(),
            claim_size: 0,
            permit: None,
            permit_coming: Fuse::terminated(),
            wants_permit: false,
            slots,
            settling: Fuse::terminated(),
            settling_size: 0,
            renewing: Fuse::terminated(),
            look_at: now,
            shut_until: now,
            lookout: Lookout::default(),
            settle_at: now,
            renew_at,
            alarm,
        }
    }

    /// Whether all it may do is wait for more work.
    fn is_waiting(&self) -> bool {
        self.claiming.is_terminated() && self.renewing.is_terminated() && self.has_room()
    }

    /// Claims are made when at least half of the prefetch is free, so that they stay batches; but no handler's slot
    /// stays empty for that, unless what is being settled is about to free more than is free now.
    fn has_room(&self) -> bool {
        let free = self.endpoint.prefetch.saturating_sub(self.held.len());
        let has_free_slot = self.ready.is_empty() && self.running.len() < self.endpoint.concurrency;
        free * 2 >= self.endpoint.prefetch || (has_free_slot && free > 0 && free >= self.settling_size)
    }

    /// Whether settlements wait for the engine to answer again.
    fn is_held_up(&self) -> bool {
        !self.to_settle.is_empty() && self.settling.is_terminated()
    }

    fn is_empty(&self) -> bool {
        self.held.is_empty() && self.claiming.is_terminated() && self.settling.is_terminated()
    }

    /// For the next that it does without being told of anything.
    fn set_alarm(&mut self, looks: bool) {
        let renewal = self.renewing.is_terminated().then_some(self.renew_at);
        let settlement = self.is_held_up().then_some(self.settle_at);
        let look = looks.then(|| self.look_at.max(self.shut_until));
        if let Some(first) = [renewal, settlement, look].into_iter().flatten().min() {
            self.alarm.set(first);
        }
    }

    fn start_handlers(&mut self, phase: Phase) {
        while self.running.len() < self.endpoint.concurrency && phase == Phase::Running {
            let Some(delivery) = self.ready.pop_front() else { break };
            let (runtime, endpoint, lease) = (self.runtime.clone(), Arc::clone(&self.endpoint), delivery.lease);
            let cancel = self.held.get(&lease).map(|held| held.cancel.clone()).unwrap_or_default();
            let handling = self.runtime.presence.handle();
            self.running.spawn(async move {
                let _handling = handling;
                // A handler's panic is caught inside; this one is an engine's, and must not cost us the lease's name.
                let delivered = AssertUnwindSafe(deliver(&runtime, &endpoint, delivery, cancel)).catch_unwind();
                (lease, delivered.await.ok())
            });
        }
        self.tell_who_waits();
        if phase > Phase::Running {
            let returned = self.ready.drain(..).map(|delivery| {
                let settlement = returned(delivery.lease);
                Ended { settlement, delivery }
            });
            self.to_settle.extend(returned);
        }
    }

    fn tell_who_waits(&mut self) {
        if self.waits_since.is_some() != self.ready.is_empty() {
            return;
        }
        self.waits_since = (!self.ready.is_empty()).then(|| self.runtime.post.clock.now());
        self.runtime.vitals.wait(&self.endpoint.name, self.waits_since);
    }

    fn start_claim(&mut self, phase: Phase) {
        let due = self.look_at.max(self.shut_until) <= self.runtime.post.clock.now();
        if phase > Phase::Running || !due || !self.is_waiting() {
            return;
        }
        if let Some(until) = self.endpoint.closed_until().filter(|until| *until > self.runtime.post.clock.now()) {
            self.look_at = until;
            return;
        }
        let room = self.endpoint.prefetch - self.held.len();
        let Some(room) = self.slots.take(room.min(self.runtime.limits.claim_batch_max_rows)) else {
            // When one comes, or to be seen to be alive.
            self.look_at = self.runtime.post.clock.now() + self.runtime.limits.fallback_poll;
            self.runtime.vitals.look(
                &self.endpoint.name,
                self.runtime.post.clock.now(),
                self.runtime.limits.fallback_poll,
            );
            return;
        };
        self.claim_size = room;
        // Until something asks for an earlier look, which stands then.
        self.look_at = self.runtime.post.clock.now() + self.runtime.limits.fallback_poll;
        let (runtime, endpoint) = (self.runtime.clone(), Arc::clone(&self.endpoint));
        let (size, lease) = (self.claim_size, self.runtime.limits.lease);
        let survivors = &self.runtime.survivors;
        let permit = self.permit.take().or_else(|| survivors.try_take());
        // One that is merely taken for a claim comes back at once; the next look will have it.
        self.wants_permit = permit.is_none() && survivors.is_running();
        self.claiming = async move {
            let claim = Claim::new(&endpoint.name, size, lease).turns(endpoint.turns);
            let claim = if permit.is_some() { claim } else { claim.without_survivors() };
            let taken = runtime.claim(&endpoint.name, &claim).await;
            (permit, taken)
        }
        .boxed()
        .fuse();
    }

    /// Queues for the permit while it could be used; a place kept in the queue meanwhile would hold up the others.
    fn queue_for_permit(&mut self, waiting: bool) {
        if !self.wants_permit || !waiting {
            self.permit_coming = Fuse::terminated();
        } else if self.permit_coming.is_terminated() {
            self.permit_coming = Arc::clone(&self.runtime.survivors).take().boxed().fuse();
        }
    }

    fn on_permit(&mut self, permit: Permit) {
        self.permit = Some(permit);
        self.look_at = self.runtime.post.clock.now();
    }

    fn on_slot(&mut self, slot: Slot) {
        self.slots.add(slot);
        self.look_at = self.runtime.post.clock.now();
    }

    fn start_settling(&mut self) {
        if !self.is_held_up() || self.settle_at > self.runtime.post.clock.now() {
            return;
        }
        let most = if self.to_settle_singly > 0 { 1 } else { self.runtime.limits.settle_batch_max_rows };
        self.to_settle_singly = self.to_settle_singly.saturating_sub(1);
        self.settling_size = most.min(self.to_settle.len());
        let batch: Batch = self.to_settle.drain(..self.settling_size).collect();
        let (runtime, endpoint) = (self.runtime.clone(), Arc::clone(&self.endpoint));
        self.settling = async move {
            let ours = runtime.settle(&endpoint.name, &batch).await;
            (batch, ours)
        }
        .boxed()
        .fuse();
    }

    fn on_claimed(&mut self, (mut permit, taken): Answered) {
        let now = self.runtime.post.clock.now();
        let Taken { claimed, repeated } = match taken {
            Ok(taken) => taken,
            Err(error) => {
                self.slots.give_back();
                self.stumble("claim", &error);
                self.look_at = now + TROUBLE_PAUSE;
                return;
            }
        };
        self.runtime.vitals.look(&self.endpoint.name, now, self.runtime.limits.fallback_poll);
        let found = claimed.deliveries.len() + repeated.len();
        let mut brought_survivor = false;
        for delivery in claimed.deliveries {
            let permit = if delivery.is_survivor { permit.take() } else { None };
            permit.as_ref().inspect(|permit| permit.run());
            brought_survivor |= delivery.is_survivor;
            let delivery = self.hold(delivery, permit);
            self.ready.push_back(delivery);
        }
        for delivery in repeated {
            brought_survivor |= delivery.is_survivor;
            let delivery = self.hold(delivery, None);
            self.to_settle.push_back(Ended { settlement: done(delivery.lease), delivery });
        }
        self.slots.give_back();
        // Others may be due beside a survivor.
        let next = if found < self.claim_size && !brought_survivor {
            self.lookout.next(now, found, claimed.next_due, self.runtime.limits.fallback_poll)
        } else {
            now
        };
        // What became free meanwhile the claim may have found taken.
        self.look_at = self.look_at.min(next);
    }

    fn hold(&mut self, delivery: Delivery, permit: Option<Permit>) -> Arc<Delivery> {
        let (cancel, attempt, delivery) = (Cancel::default(), delivery.envelope.attempt, Arc::new(delivery));
        let held = Held { cancel, delivery: Arc::clone(&delivery), attempt, permit, _slot: self.slots.give() };
        self.held.insert(delivery.lease, held);
        delivery
    }

    /// Settles, in a batch with others, what is held until then.
    fn settle_held(&mut self, lease: Lease, settlement: Settlement) {
        let delivery = self.held.get(&lease).map(|held| Arc::clone(&held.delivery));
        self.to_settle.extend(delivery.map(|delivery| Ended { settlement, delivery }));
    }

    /// Handlers that have but to be run once end in the same moment, and are settled together. As long as more of them
    /// end, a moment is waited for the next.
    async fn join_those_who_end_now(&mut self) {
        let began = Instant::now();
        let mut ended = 0;
        while self.is_held_up() && !self.running.is_empty() && ended < self.to_settle.len() && began.elapsed() < MOMENT
        {
            ended = self.to_settle.len();
            tokio::task::yield_now().await;
            self.join_those_who_ended();
        }
    }

    fn on_ended(&mut self, ended: Result<Ran, tokio::task::JoinError>) {
        self.settle_later(ended);
        self.join_those_who_ended();
    }

    fn join_those_who_ended(&mut self) {
        while let Some(ended) = self.running.try_join_next() {
            self.settle_later(ended);
        }
    }

    fn settle_later(&mut self, ended: Result<Ran, tokio::task::JoinError>) {
        // Only a runtime that is shutting down ends the task itself.
        let Ok((lease, delivered)) = ended else { return };
        match delivered {
            Some(Delivered::Failed(settlement, failure)) => {
                if failure.code() == Code::LAYER_REJECTED {
                    self.shut_until = self.runtime.post.clock.now() + LATER;
                }
                self.settle_held(lease, settlement);
            }
            Some(
                Delivered::Unsettled(settlement) | Delivered::Noted(settlement, _) | Delivered::Repeated(settlement),
            ) => self.settle_held(lease, settlement),
            Some(Delivered::Committed(_)) => {
                self.forget(lease);
                self.runtime.vitals.settled(&self.endpoint.name, self.runtime.post.clock.now(), 1);
            }
            Some(Delivered::Stale) => self.on_stale(lease),
            None => {
                // Let go of, so that its lease runs out and it is counted as a crash.
                self.forget(lease);
                self.runtime.vitals.stumble(&self.endpoint.name, self.runtime.post.clock.now());
                tracing::error!(
                    endpoint = &*self.endpoint.name,
                    delivery = lease.id,
                    "a delivery broke off in a panic"
                );
            }
        }
    }

    fn on_settled(&mut self, (batch, ours): Settled, phase: Phase) {
        self.settling_size = 0;
        let ours = match ours {
            Ok(ours) => ours,
            Err(error) => return self.on_unsettled(batch, &error, phase),
        };
        let (now, settled) = (self.runtime.post.clock.now(), ours.iter().filter(|ours| **ours).count());
        self.runtime.vitals.settled(&self.endpoint.name, now, settled as u64);
        for (settlement, ours) in batch.settlements.iter().zip(ours) {
            match ours {
                true => self.let_go(settlement),
                false => self.on_stale(settlement.lease),
            }
        }
    }

    fn on_unsettled(&mut self, batch: Batch, error: &Error, phase: Phase) {
        self.stumble("settle", error);
        if phase == Phase::Abandoning {
            // The leases run out by themselves.
            batch.settlements.iter().for_each(|settlement| self.forget(settlement.lease));
            return;
        }
        let refused = error.code() == Code::ENGINE_FAILED;
        let alone = refused && batch.settlements.len() == 1;
        if refused && !alone {
            self.to_settle_singly = batch.settlements.len();
        } else if !refused {
            self.settle_at = self.runtime.post.clock.now() + TROUBLE_PAUSE;
        }
        for Ended { mut settlement, delivery } in batch.into_ended().rev() {
            if alone {
                settlement = self.refused(&settlement, error);
            }
            self.to_settle.push_front(Ended { settlement, delivery });
        }
    }

    /// What becomes of a delivery whose settlement the engine refuses even by itself, as it sends what cannot be stored.
    fn refused(&mut self, settlement: &Settlement, error: &Error) -> Settlement {
        if settlement.outgoing.is_empty() {
            // It was no message's fault.
            self.settle_at = self.runtime.post.clock.now() + TROUBLE_PAUSE;
        }
        let (lease, report) = (settlement.lease, settlement.report.as_ref());
        let Some(held) = self.held.get_mut(&lease) else { return returned(lease) };
        held.attempt += 1;
        let attempt = held.attempt;
        let outcome = match self.endpoint.retry.after(attempt, held.delivery.envelope.id) {
            Next::Now => Outcome::Retry { delay: Duration::ZERO, attempt },
            Next::After(delay) => Outcome::Retry { delay, attempt },
            Next::GiveUp => Outcome::DeadLetter { code: error.code(), reason: error.chain(), attempt },
        };
        let report = report.map(|report| Box::new(refused(report, &outcome)));
        Settlement { report, ..Settlement::new(lease, outcome) }
    }

    /// A settled delivery is ours no more; one that comes back is looked for when it is due.
    fn let_go(&mut self, settlement: &Settlement) {
        self.forget(settlement.lease);
        match settlement.outcome {
            Outcome::Retry { delay, .. } | Outcome::Return { delay } | Outcome::Unknown { delay } => {
                self.look_at = self.look_at.min(self.runtime.post.clock.now() + delay);
            }
            Outcome::Done | Outcome::DeadLetter { .. } => {}
        }
    }

    /// What is no longer held. Where one survivor was, others may be; and where keys take turns, the next of its key.
    fn forget(&mut self, lease: Lease) {
        if self.endpoint.turns != Turns::Free {
            self.look_at = self.runtime.post.clock.now();
        }
        let forgotten = self.held.remove(&lease);
        self.wants_permit |= forgotten.is_some_and(|held| held.permit.is_some());
    }

    fn stumble(&self, what: &str, error: &Error) {
        let now = self.runtime.post.clock.now();
        self.runtime.vitals.stumble(&self.endpoint.name, now);
        tracing::error!(
            endpoint = &*self.endpoint.name,
            what,
            error = error.chain(),
            "the engine did not answer; trying again"
        );
    }

    fn on_stale(&mut self, lease: Lease) {
        self.forget(lease);
        let endpoint = &*self.endpoint.name;
        match self.runtime.via {
            None => tracing::warn!(endpoint, delivery = lease.id, "lease lost; what it did was not committed"),
            Some(_) => tracing::warn!(endpoint, delivery = lease.id, "lease lost; the inbox knows what was committed"),
        }
    }

    fn on_phase(&mut self, phase: Phase) {
        if phase == Phase::Abandoning {
            self.held.values().for_each(|held| held.cancel.cancel(CancelReason::Shutdown));
        }
    }

    /// What has not begun ends by it when its turn comes.
    fn on_cancellation(&self, told: Result<Cancellation, RecvError>) {
        match told {
            Ok(Cancellation { tenant, message }) => {
                let is_meant = |held: &&Held| {
                    let envelope = &held.delivery.envelope;
                    envelope.id == message && envelope.tenant == tenant
                };
                self.held.values().filter(is_meant).for_each(|held| held.cancel.cancel(CancelReason::User));
            }
            Err(error) => tracing::warn!(endpoint = &*self.endpoint.name, %error, "cancellations were missed"),
        }
    }

    /// If it is time. What is under way goes on meanwhile, for it may hold the connection that the renewal waits for. No claim
    /// begins, though: after a long pause it might find our own leases at their end, and take them from us.
    fn start_renewing(&mut self) {
        let now = self.runtime.post.clock.now();
        if self.renew_at > now || !self.renewing.is_terminated() {
            return;
        }
        self.renew_at = now + self.runtime.limits.lease / 3;
        if self.held.is_empty() {
            return;
        }
        let leases: Vec<_> = self.held.keys().copied().collect();
        let (transport, length) = (self.runtime.transport(), self.runtime.limits.lease);
        self.renewing = async move { transport.renew(&leases, length).await }.boxed().fuse();
    }

    fn on_renewed(&self, lost: Result<Vec<Lease>, Error>) {
        match lost {
            Ok(lost) => {
                let lost = lost.iter().filter_map(|lease| self.held.get(lease));
                lost.for_each(|held| held.cancel.cancel(CancelReason::LeaseLost));
            }
            Err(error) => self.stumble("renew", &error),
        }
    }
}
