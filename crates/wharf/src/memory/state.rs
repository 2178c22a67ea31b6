//! What the memory engine holds, and the changes that can be made to it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use crate::{
    Envelope, Outgoing, Tenant, Timestamp,
    ports::{DeadLetter, Lease, Outcome, SagaId, SagaRow, StoredSchedule, TimerArm},
};

/// Everything the engine holds.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) deliveries: BTreeMap<i64, Row>,
    pub(super) dead: BTreeMap<i64, DeadLetter>,
    pub(super) sagas: HashMap<SagaId, SagaRow>,
    pub(super) timers: BTreeMap<(SagaId, String), Timer>,
    pub(super) subscriptions: BTreeMap<(Arc<str>, Arc<str>), super::subscriptions::Row>,
    pub(super) schedules: BTreeMap<(Tenant, Arc<str>), StoredSchedule>,
    /// When instances finished, first.
    pub(super) finished: BTreeMap<SagaId, Timestamp>,
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
    pub(super) envelope: Envelope,
    pub(super) body: Arc<str>,
}

#[derive(Debug, Clone)]
pub(super) struct Timer {
    pub(super) arm: TimerArm,
    pub(super) due: Timestamp,
    pub(super) fired: bool,
}

impl Row {
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
            row.held = false;
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
