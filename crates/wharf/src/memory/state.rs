//! What the memory engine holds, and the changes that can be made to it.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use crate::{
    Envelope, Outgoing, Timestamp,
    ports::{DeadLetter, Lease, Outcome, SagaId, SagaRow, TimerArm},
};

/// Everything the engine holds.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) deliveries: BTreeMap<i64, Row>,
    pub(super) dead: BTreeMap<i64, DeadLetter>,
    pub(super) sagas: HashMap<SagaId, SagaRow>,
    pub(super) timers: BTreeMap<(SagaId, String), Timer>,
    pub(super) values: BTreeMap<String, String>,
    pub(super) next_id: i64,
}

/// A delivery that waits or is held.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) endpoint: std::sync::Arc<str>,
    pub(super) not_before: Timestamp,
    pub(super) epoch: i64,
    pub(super) held: bool,
    /// Whether it was claimed alone, as a survivor.
    pub(super) alone: bool,
    pub(super) lost_leases: u32,
    pub(super) envelope: Envelope,
    pub(super) body: std::sync::Arc<str>,
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
}

impl State {
    pub(super) fn send(&mut self, outgoing: &[Outgoing], now: Timestamp) {
        for one in outgoing {
            self.next_id += 1;
            let row = Row {
                endpoint: std::sync::Arc::clone(&one.endpoint),
                not_before: now + one.delay,
                epoch: 0,
                held: false,
                alone: false,
                lost_leases: 0,
                envelope: one.envelope.clone(),
                body: std::sync::Arc::clone(&one.body),
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
                self.dead.insert(lease.id, letter);
            }
        }
    }
}
