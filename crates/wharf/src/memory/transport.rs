//! Carrying deliveries in memory.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;

use super::Memory;
use crate::{
    Error, Outgoing,
    ports::{Claim, Claimed, Delivery, Depth, Lease, Settlement, Transport, Wakeups},
};

#[async_trait]
impl Transport for Memory {
    async fn claim(&self, claim: &Claim<'_>) -> Result<Claimed, Error> {
        let mut state = self.lock().await;
        let now = self.shared.clock.now();
        let (due, next_due) = state.due(claim, now);
        let mut deliveries = Vec::with_capacity(due.len());
        for id in due {
            let Some(row) = state.deliveries.get_mut(&id) else { continue };
            row.hold(now + claim.lease);
            let lease = Lease { id, epoch: row.epoch };
            let mut delivery = Delivery::new(lease, row.envelope.clone(), Arc::clone(&row.body));
            (delivery.is_survivor, delivery.lost_leases) = (row.alone, row.lost_leases);
            delivery.is_expired = row.envelope.expires_at.is_some_and(|expires_at| expires_at <= now);
            delivery.unknown_for = row.unknown_since.map(|since| now.since(since));
            deliveries.push(delivery);
        }
        Ok(Claimed { deliveries, next_due })
    }

    async fn settle(&self, batch: &[Settlement]) -> Result<Vec<bool>, Error> {
        let mut state = self.lock().await;
        let now = self.shared.clock.now();
        let mut ours = Vec::with_capacity(batch.len());
        for settlement in batch {
            let held = state.holds(settlement.lease);
            if held {
                settlement.report.iter().for_each(|report| state.report(settlement.lease, report, now));
                state.settle(settlement.lease, &settlement.outcome, now);
                state.send(&settlement.outgoing, now);
                self.wake(&settlement.outgoing);
            }
            ours.push(held);
        }
        Ok(ours)
    }

    async fn renew(&self, leases: &[Lease], length: Duration) -> Result<Vec<Lease>, Error> {
        let mut state = self.lock().await;
        let until = self.shared.clock.now() + length;
        let (ours, lost): (Vec<Lease>, Vec<Lease>) = leases.iter().partition(|lease| state.holds(**lease));
        for lease in ours {
            if let Some(row) = state.deliveries.get_mut(&lease.id) {
                row.not_before = until;
            }
        }
        Ok(lost)
    }

    async fn send(&self, batch: &[Outgoing]) -> Result<(), Error> {
        self.lock().await.send(batch, self.shared.clock.now());
        self.wake(batch);
        Ok(())
    }

    async fn depth(&self) -> Result<Vec<Depth>, Error> {
        let state = self.lock().await;
        let now = self.shared.clock.now();
        let mut depths = BTreeMap::<&str, Depth>::new();
        let mut rows: Vec<_> = state.deliveries.values().collect();
        rows.sort_by_key(|row| row.not_before);
        let mut counted = HashMap::<(&str, bool), u64>::new();
        for row in rows {
            let is_due = row.not_before <= now;
            let counted = counted.entry((&row.endpoint, is_due)).or_default();
            *counted += 1;
            if *counted > Depth::COUNT_MAX_ROWS {
                continue;
            }
            let endpoint = row.endpoint.to_string();
            let depth =
                depths.entry(&row.endpoint).or_insert(Depth { endpoint, due: 0, delayed: 0, held: 0, oldest: None });
            match (row.held, is_due) {
                (true, _) => depth.held += 1,
                (false, false) => depth.delayed += 1,
                (false, true) => {
                    depth.due += 1;
                    depth.oldest = depth.oldest.max(Some(now.since(row.not_before)));
                }
            }
        }
        Ok(depths.into_values().collect())
    }

    fn wakeups(&self) -> &Wakeups {
        &self.shared.wakeups
    }
}
