//! What the memory engine holds, and the changes that can be made to it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use uuid::Uuid;

use crate::{
    Envelope, Outgoing, Tenant, Timestamp,
    ports::{Burial, DeadLetter, Ending, Lease, Outcome, Receipt, Round, SagaId, SagaRow, TimerArm},
};

/// Everything the engine holds.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) deliveries: BTreeMap<i64, Row>,
    pub(super) dead: BTreeMap<i64, Dead>,
    pub(super) inbox: HashMap<(Tenant, Arc<str>, Uuid), Ended>,
    pub(super) sagas: HashMap<SagaId, SagaRow>,
    pub(super) timers: BTreeMap<(SagaId, String), Timer>,
    pub(super) subscriptions: BTreeMap<(Arc<str>, Arc<str>), super::subscriptions::Row>,
    pub(super) values: BTreeMap<String, String>,
    pub(super) next_id: i64,
}

/// A delivery that waits or is held.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) endpoint: Arc<str>,
    pub(super) not_before: Timestamp,
    pub(super) epoch: i64,
    pub(super) held: bool,
    /// Whether it was claimed alone, as a survivor.
    pub(super) alone: bool,
    pub(super) lost_leases: u32,
    pub(super) envelope: Envelope,
    pub(super) body: Arc<str>,
}

/// A dead letter, and where it goes when it is redriven.
#[derive(Debug, Clone)]
pub(super) struct Dead {
    pub(super) letter: DeadLetter,
    pub(super) redrive_to: Arc<str>,
}

/// What the inbox keeps of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    /// So many rounds.
    pub(super) rounds: u32,
    pub(super) ending: Ending,
    pub(super) at: Timestamp,
}

#[derive(Debug, Clone)]
pub(super) struct Timer {
    pub(super) arm: TimerArm,
    pub(super) due: Timestamp,
    pub(super) fired: bool,
}

impl Row {
    /// Holds it for another lease. One that is still held has lost the lease before.
    pub(super) fn claim(&mut self, until: Timestamp) {
        self.lost_leases += u32::from(self.held);
        self.envelope.crashes += u32::from(self.alone);
        self.alone = self.held;
        self.held = true;
        self.epoch += 1;
        self.not_before = until;
    }

    /// Whether nobody works on it: it was never claimed, or its holder is gone.
    pub(super) fn waits(&self, now: Timestamp) -> bool {
        !self.held || self.not_before <= now
    }
}

impl State {
    pub(super) fn send(&mut self, outgoing: &[Outgoing], now: Timestamp) {
        for one in outgoing {
            self.next_id += 1;
            let row = Row {
                endpoint: Arc::clone(&one.endpoint),
                not_before: now + one.delay,
                epoch: 0,
                held: false,
                alone: false,
                lost_leases: 0,
                envelope: one.envelope.clone(),
                body: Arc::clone(&one.body),
            };
            self.deliveries.insert(self.next_id, row);
        }
    }

    /// Whether the row is still held under this lease.
    pub(super) fn holds(&self, lease: Lease) -> bool {
        self.deliveries.get(&lease.id).is_some_and(|row| row.held && row.epoch == lease.epoch)
    }

    /// Ends a delivery that [`State::holds`] says is ours.
    pub(super) fn settle(&mut self, lease: Lease, outcome: &Outcome, now: Timestamp) {
        let Some(row) = self.deliveries.get_mut(&lease.id) else { return };
        let release = |row: &mut Row, delay: Duration| {
            (row.held, row.alone) = (false, false);
            row.not_before = now + delay;
        };
        match outcome {
            Outcome::Done => drop(self.deliveries.remove(&lease.id)),
            Outcome::Retry { delay, attempt } => {
                row.envelope.attempt = *attempt;
                release(row, *delay);
            }
            Outcome::Return { delay } => release(row, *delay),
            Outcome::DeadLetter { code, reason, attempt } => {
                let Some(mut row) = self.deliveries.remove(&lease.id) else { return };
                row.envelope.attempt = *attempt;
                let letter = DeadLetter {
                    id: lease.id,
                    endpoint: row.endpoint.to_string(),
                    envelope: row.envelope,
                    body: row.body,
                    code: code.to_string(),
                    reason: reason.clone(),
                    died_at: now,
                };
                self.dead.insert(lease.id, Dead { letter, redrive_to: row.endpoint });
            }
        }
    }

    /// How the message's last round ended, if this round has.
    pub(super) fn ending(&self, round: &Round) -> Option<Ending> {
        self.inbox.get(&message(round)).filter(|ended| ended.rounds > round.number).map(|ended| ended.ending)
    }

    /// Notes the end of a round that has not ended.
    pub(super) fn note(&mut self, receipt: &Receipt, now: Timestamp) {
        let ended = Ended { rounds: receipt.round.number + 1, ending: receipt.ending, at: now };
        self.inbox.insert(message(&receipt.round), ended);
    }

    pub(super) fn bury(&mut self, burial: Burial, now: Timestamp) {
        self.next_id += 1;
        let letter = DeadLetter {
            id: self.next_id,
            endpoint: burial.endpoint.to_string(),
            envelope: burial.envelope,
            body: burial.body,
            code: burial.code.to_string(),
            reason: burial.reason,
            died_at: now,
        };
        self.dead.insert(letter.id, Dead { letter, redrive_to: burial.redrive_to });
    }

    /// Takes a dead letter for another round.
    pub(super) fn revive(&mut self, id: i64) -> Option<Outgoing> {
        let Dead { letter, redrive_to } = self.dead.remove(&id)?;
        let mut envelope = letter.envelope;
        let message = (envelope.tenant.clone(), Arc::from(letter.endpoint), envelope.id);
        if let Some(ended) = self.inbox.get_mut(&message)
            && ended.ending == Ending::DeadLettered
        {
            ended.ending = Ending::Again;
        }
        (envelope.attempt, envelope.crashes) = (0, 0);
        envelope.redrives += 1;
        Some(Outgoing::new(redrive_to, envelope, letter.body))
    }

    /// Forgets messages of the inbox whose last round ended before this; at most so many.
    pub(super) fn forget(&mut self, ended_before: Timestamp, max: usize) -> u64 {
        let old = self.inbox.iter().filter(|(_, ended)| ended.at < ended_before).take(max);
        let old: HashSet<_> = old.map(|(message, _)| message.clone()).collect();
        self.inbox.retain(|message, _| !old.contains(message));
        old.len() as u64
    }
}

fn message(round: &Round) -> (Tenant, Arc<str>, Uuid) {
    (round.tenant.clone(), Arc::clone(&round.endpoint), round.message)
}
