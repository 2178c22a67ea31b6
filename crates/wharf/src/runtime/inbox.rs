//! Handling what comes by a transport of another kind than the store: what was handled before is known again, and whatever
//! becomes of a delivery is committed in the store before the transport hears that it is done.
//!
//! The transport carries only what is due. Delays and dead letters live in the store: a delivery that is to come again
//! later goes back through the outbox, as the next round of its message.

use std::{sync::Arc, time::Duration};

use super::Runtime;
use crate::{
    Code, Death, Delivery, Error, Journey, Outgoing, Timestamp,
    ports::{Burial, Claim, Claimed, Ending, Lease, Outbox, Outcome, Receipt, Round, Settlement, Transport},
};

/// How a delivery ended, and the delivery.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) settlement: Settlement,
    pub(crate) delivery: Arc<Delivery>,
}

/// Deliveries that are settled together, each at the place of its settlement.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) settlements: Vec<Settlement>,
    deliveries: Vec<Arc<Delivery>>,
}

impl FromIterator<Ended> for Batch {
    fn from_iter<I: IntoIterator<Item = Ended>>(ended: I) -> Self {
        let (settlements, deliveries) =
            ended.into_iter().map(|Ended { settlement, delivery }| (settlement, delivery)).unzip();
        Self { settlements, deliveries }
    }
}

impl Batch {
    pub(crate) fn into_ended(self) -> impl DoubleEndedIterator<Item = Ended> {
        let both = self.settlements.into_iter().zip(self.deliveries);
        both.map(|(settlement, delivery)| Ended { settlement, delivery })
    }
}

/// What a claim brought.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) claimed: Claimed,
    /// Those that are but copies of what has ended: to be acknowledged and not handled.
    pub(crate) repeated: Vec<Delivery>,
}

impl Runtime {
    /// Takes due deliveries of an endpoint.
    pub(crate) async fn claim(&self, endpoint: &Arc<str>, claim: &Claim<'_>) -> Result<Taken, Error> {
        let mut claimed = self.transport().claim(claim).await?;
        let mut repeated = Vec::new();
        if self.via.is_some() && !claimed.deliveries.is_empty() {
            let rounds: Vec<_> = claimed.deliveries.iter().map(|one| Round::of(endpoint, &one.envelope)).collect();
            // Only spares the handler a run: what has ended is found out again when it commits.
            let endings = self.engine.endings(&rounds).await.unwrap_or_default();
            let mut ended = endings.into_iter().map(|ending| ending.is_some());
            (repeated, claimed.deliveries) =
                claimed.deliveries.into_iter().partition(|_| ended.next().unwrap_or(false));
            if let Err(error) = self.take_note(endpoint, &mut claimed.deliveries).await {
                self.give_back(repeated.iter().chain(&claimed.deliveries)).await;
                return Err(error);
            }
            let now = self.post.clock.now();
            claimed.deliveries.iter_mut().for_each(|delivery| take_over_counts(delivery, now));
        }
        Ok(Taken { claimed, repeated })
    }

    /// Has the store remember what it must know of these before they are handled: that a survivor is held alone, as the
    /// transport's own count of crashes may not outlive this process; and that copies of dead letters were put back.
    async fn take_note(&self, endpoint: &Arc<str>, claimed: &mut [Delivery]) -> Result<(), Error> {
        let mut redriven = Vec::new();
        for delivery in claimed.iter_mut() {
            let death = delivery.envelope.trail.death.take();
            redriven.extend(death.map(|_| Round::of(endpoint, &delivery.envelope)));
        }
        if !redriven.is_empty() {
            self.engine.redriven(&redriven).await?;
        }
        if let Some(survivor) = claimed.iter_mut().find(|delivery| delivery.is_survivor) {
            let round = Round::of(endpoint, &survivor.envelope);
            survivor.envelope.crashes = self.engine.hold_alone(&round).await?;
        }
        Ok(())
    }

    /// Back to the transport at once. Where that fails too, their leases run out.
    async fn give_back(&self, claimed: impl Iterator<Item = &Delivery>) {
        let given_back: Vec<_> = claimed.map(|delivery| returned(delivery.lease)).collect();
        let _ = self.transport().settle(&given_back).await;
    }

    /// Settles a batch; for each whether it was still ours.
    pub(crate) async fn settle(&self, endpoint: &Arc<str>, batch: &Batch) -> Result<Vec<bool>, Error> {
        let Some(transport) = &self.via else { return self.engine.settle(&batch.settlements).await };
        self.commit_endings(endpoint, batch, &**transport).await?;
        let survivors = batch.deliveries.iter().filter(|delivery| delivery.is_survivor);
        let survivors: Vec<_> = survivors.map(|delivery| Round::of(endpoint, &delivery.envelope)).collect();
        if !survivors.is_empty() {
            self.engine.let_go(&survivors).await?;
        }
        let acknowledged: Vec<_> = batch.settlements.iter().map(acknowledgement).collect();
        transport.settle(&acknowledged).await
    }

    /// Commits in the store what becomes of these deliveries, as far as it is not committed yet: they come again, or
    /// are dead letters, or are handled and have sent something. One commit for all.
    async fn commit_endings(&self, endpoint: &Arc<str>, batch: &Batch, transport: &dyn Transport) -> Result<(), Error> {
        let both = batch.settlements.iter().zip(&batch.deliveries);
        let endings: Vec<_> = both.filter_map(|both| Some((both, ending(both.0)?))).collect();
        if endings.is_empty() {
            return Ok(());
        }
        let receipts: Vec<_> = endings
            .iter()
            .map(|((_, delivery), ending)| Receipt { round: Round::of(endpoint, &delivery.envelope), ending: *ending })
            .collect();
        let mut transaction = self.engine.begin().await?;
        let new = transaction.note(&receipts).await?;
        let (mut outgoing, mut burials) = (Vec::new(), Vec::new());
        for (((settlement, delivery), _), _) in endings.iter().zip(new).filter(|(_, new)| *new) {
            match &settlement.outcome {
                Outcome::Done => outgoing.extend_from_slice(&settlement.outgoing),
                Outcome::Retry { delay, attempt } => outgoing.push(self.again(endpoint, delivery, *delay, *attempt)),
                Outcome::Return { delay } => {
                    outgoing.push(self.again(endpoint, delivery, *delay, delivery.envelope.attempt));
                }
                Outcome::Unknown { delay } => outgoing.push(self.again_when_known(endpoint, delivery, *delay)),
                Outcome::DeadLetter { code, reason, attempt } => {
                    let burial = self.burial(endpoint, delivery, *attempt, *code, reason);
                    outgoing.extend(transport.copies_letters().then(|| copy_of(&burial)));
                    burials.push(burial);
                }
            }
        }
        transaction.bury(&burials).await?;
        transaction.commit(&outgoing).await
    }

    /// The next round of a message, due after a delay.
    fn again(&self, endpoint: &Arc<str>, delivery: &Delivery, delay: Duration, attempt: u32) -> Outgoing {
        let mut envelope = delivery.envelope.clone();
        let crashes = envelope.crashes;
        let next = self.next_round(delivery, delay);
        (envelope.attempt, envelope.crashes) = (0, 0);
        envelope.trail.journey = Some(Journey { attempt, crashes, ..next });
        Outgoing::new(Outbox::endpoint(endpoint), envelope, Arc::clone(&delivery.body)).in_turn().after(delay)
    }

    /// The next round of a message that nobody here knows yet.
    fn again_when_known(&self, endpoint: &Arc<str>, delivery: &Delivery, delay: Duration) -> Outgoing {
        let mut outgoing = self.again(endpoint, delivery, delay, delivery.envelope.attempt);
        let earlier = delivery.envelope.trail.journey.and_then(|journey| journey.unknown_since);
        if let Some(journey) = &mut outgoing.envelope.trail.journey {
            journey.unknown_since = earlier.or_else(|| Some(self.post.clock.now()));
        }
        outgoing
    }

    /// A dead letter; redriven, it is the next round of its message.
    fn burial(&self, endpoint: &Arc<str>, delivery: &Delivery, attempt: u32, code: Code, reason: &str) -> Burial {
        let mut envelope = delivery.envelope.clone();
        envelope.attempt = attempt;
        envelope.trail.journey = Some(self.next_round(delivery, Duration::ZERO));
        Burial {
            endpoint: Arc::clone(endpoint),
            redrive_to: Outbox::endpoint(endpoint),
            envelope,
            body: Arc::clone(&delivery.body),
            code,
            reason: reason.to_owned(),
        }
    }

    fn next_round(&self, delivery: &Delivery, delay: Duration) -> Journey {
        let envelope = &delivery.envelope;
        let round = envelope.trail.journey.map_or(0, |journey| journey.round) + 1;
        let since = self.post.clock.now() + delay;
        Journey { round, redrives: envelope.redrives, ..Journey::begin(since) }
    }

    /// Whether it was put on the transport so long ago that the inbox may have forgotten it. `None` where there is none.
    pub(crate) fn too_old(&self, delivery: &Delivery) -> Option<Outcome> {
        self.via.as_ref()?;
        let envelope = &delivery.envelope;
        let since = envelope.trail.journey.map_or(envelope.sent_at, |journey| journey.since);
        let (age, horizon) = (self.post.clock.now().since(since), self.limits.redelivery_horizon);
        (age > horizon).then(|| {
            let reason = format!(
                "it was put on the transport {age:?} ago; after {horizon:?} nobody knows whether it was handled"
            );
            Outcome::DeadLetter { code: Code::TOO_OLD, reason, attempt: envelope.attempt }
        })
    }
}

/// The copy of a dead letter that is to stand on the transport: the next round of its message, as if it were redriven.
fn copy_of(burial: &Burial) -> Outgoing {
    let mut envelope = burial.envelope.clone();
    let reason = burial.reason.chars().take(Death::REASON_MAX_CHARS).collect();
    let (endpoint, code, attempts) = (Arc::clone(&burial.endpoint), burial.code.to_string(), envelope.attempt);
    envelope.trail.death = Some(Arc::new(Death { endpoint, code, reason, attempts }));
    if let Some(journey) = &mut envelope.trail.journey {
        journey.redrives += 1;
    }
    (envelope.attempt, envelope.crashes, envelope.expires_at) = (0, 0, None);
    Outgoing::new(Arc::from(Outbox::LETTERS), envelope, Arc::clone(&burial.body))
}

/// What is known from earlier rounds, which the transport does not keep.
fn take_over_counts(delivery: &mut Delivery, now: Timestamp) {
    let Some(journey) = delivery.envelope.trail.journey else { return };
    delivery.envelope.attempt += journey.attempt;
    delivery.envelope.crashes += journey.crashes;
    delivery.envelope.redrives = delivery.envelope.redrives.max(journey.redrives);
    delivery.unknown_for = journey.unknown_since.map(|since| now.since(since));
}

/// What the store must commit before the transport may hear of it. A delivery without effects is only acknowledged, and
/// one that goes back at once is the transport's own affair.
fn ending(settlement: &Settlement) -> Option<Ending> {
    match &settlement.outcome {
        Outcome::Done if settlement.outgoing.is_empty() => None,
        Outcome::Done => Some(Ending::Handled),
        Outcome::Return { delay } if delay.is_zero() => None,
        Outcome::Retry { .. } | Outcome::Return { .. } | Outcome::Unknown { .. } => Some(Ending::Again),
        Outcome::DeadLetter { .. } => Some(Ending::DeadLettered),
    }
}

/// What the transport is told once the store has committed the rest.
fn acknowledgement(settlement: &Settlement) -> Settlement {
    let outcome = match &settlement.outcome {
        Outcome::Return { delay } if delay.is_zero() => Outcome::Return { delay: *delay },
        Outcome::Done
        | Outcome::Retry { .. }
        | Outcome::Return { .. }
        | Outcome::Unknown { .. }
        | Outcome::DeadLetter { .. } => Outcome::Done,
    };
    Settlement::new(settlement.lease, outcome)
}

/// How often the inbox is looked through for what it may forget.
const PRUNE_PERIOD: Duration = Duration::from_secs(3600);

/// Forgets, now and then, what no copy can come of any more.
pub(crate) async fn prune_inbox(runtime: Runtime) -> Result<(), Error> {
    let (clock, limits) = (&runtime.post.clock, &runtime.limits);
    loop {
        let pruned = runtime.engine.prune_inbox(limits.inbox_retention, limits.inbox_prune_max_rows).await?;
        runtime.vitals.look("wharf.inbox", clock.now(), PRUNE_PERIOD);
        if pruned < limits.inbox_prune_max_rows as u64 {
            clock.sleep_until(clock.now() + PRUNE_PERIOD).await;
        }
    }
}

/// Back to the queue, costing nothing.
pub(crate) fn returned(lease: Lease) -> Settlement {
    Settlement::new(lease, Outcome::Return { delay: Duration::ZERO })
}

/// A settlement that only acknowledges.
pub(crate) fn done(lease: Lease) -> Settlement {
    Settlement::new(lease, Outcome::Done)
}
