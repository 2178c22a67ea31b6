//! What the broker has handed to this process and nobody has acknowledged yet: what waits to be claimed, and what is held.
//!
//! The broker knows only that this process has it. Leases, turns and who lost a lease without the process dying are kept
//! here, and go with the process, as the unacknowledged message goes back to its queue.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use wharf::{
    Envelope, Timestamp,
    ports::{Claim, Claimed, Delivery, Lease, Turns},
};

use crate::receipts::Receipt;

/// One message as the broker handed it out.
#[derive(Debug)]
pub(crate) struct Handed {
    pub(crate) envelope: Envelope,
    pub(crate) body: Arc<str>,
    pub(crate) receipt: Receipt,
    /// Whether it was handed out before, to whomever.
    pub(crate) again: bool,
}

/// All of every endpoint.
#[derive(Debug, Default)]
pub(crate) struct Shelves(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    ready: HashMap<Arc<str>, VecDeque<Item>>,
    held: HashMap<i64, Held>,
    last_id: i64,
}

#[derive(Debug)]
struct Item {
    handed: Handed,
    id: i64,
    epoch: i64,
    /// Whether whoever had it last was lost with it.
    survived: bool,
    /// How often that befell it, as far as is known here.
    lost_leases: u32,
    /// Of those in this process, the times it was claimed alone.
    crashes: u32,
}

#[derive(Debug)]
struct Held {
    item: Item,
    endpoint: Arc<str>,
    until: Timestamp,
    alone: bool,
}

impl Shelves {
    /// Puts a message where it can be claimed.
    pub(crate) fn add(&self, endpoint: &Arc<str>, handed: Handed) {
        let state = &mut *self.lock();
        state.last_id += 1;
        let (id, survived) = (state.last_id, handed.again);
        let item = Item { handed, id, epoch: 0, survived, lost_leases: u32::from(survived), crashes: 0 };
        state.ready.entry(Arc::clone(endpoint)).or_default().push_back(item);
    }

    /// How many messages of an endpoint can be claimed, and how many are held.
    pub(crate) fn count(&self, endpoint: &str) -> (usize, usize) {
        let state = self.lock();
        let held =
            state.held.values().filter(|held| &*held.endpoint == endpoint && held.item.handed.receipt.is_usable());
        (state.ready.get(endpoint).map_or(0, VecDeque::len), held.count())
    }

    /// Takes what a claim asks for.
    pub(crate) fn take(&self, claim: &Claim<'_>, now: Timestamp) -> Claimed {
        let state = &mut *self.lock();
        state.take_back(now);
        let busy = state.busy_turns(claim);
        let Some(ready) = state.ready.get_mut(claim.endpoint) else { return Claimed::default() };
        ready.retain(|item| item.handed.receipt.is_usable());

        let mut candidates: Vec<usize> = (0..ready.len()).collect();
        candidates.retain(|&place| claim.survivors || !ready[place].survived);
        candidates.retain(|&place| !busy.contains(&ready[place].turn()));
        candidates.sort_by_key(|&place| ready[place].handed.envelope.priority.rank());
        let turn = |&place: &usize| (claim.turns != Turns::Free).then(|| ready[place].turn());
        let mut chosen = Turns::choose(candidates, claim.max, turn, |&place| ready[place].survived);
        let order: HashMap<usize, usize> = chosen.iter().enumerate().map(|(nth, &place)| (place, nth)).collect();

        // From the back, so that the places before keep theirs.
        chosen.sort_unstable_by(|a, b| b.cmp(a));
        let mut taken: Vec<(usize, Item)> = Vec::with_capacity(chosen.len());
        for place in chosen {
            taken.extend(ready.remove(place).map(|item| (order[&place], item)));
        }
        taken.sort_unstable_by_key(|(nth, _)| *nth);
        let deliveries = taken.into_iter().map(|(_, item)| state.hold(item, claim, now)).collect();
        let next_due =
            state.held.values().filter(|held| &*held.endpoint == claim.endpoint).map(|held| held.until).min();
        Claimed { deliveries, next_due }
    }

    /// Lets go of a delivery; with what acknowledges it, if it was still ours.
    pub(crate) fn let_go(&self, lease: Lease) -> Option<Receipt> {
        let held = self.lock().remove(lease)?;
        Some(held.item.handed.receipt)
    }

    /// Puts a delivery back where it can be claimed, before all others. Whether it was still ours.
    pub(crate) fn give_back(&self, lease: Lease) -> bool {
        let state = &mut *self.lock();
        let Some(Held { mut item, endpoint, .. }) = state.remove(lease) else { return false };
        item.survived = false;
        let usable = item.handed.receipt.is_usable();
        state.ready.entry(endpoint).or_default().push_front(item);
        usable
    }

    /// Extends leases; returns those that are no longer ours.
    pub(crate) fn renew(&self, leases: &[Lease], until: Timestamp) -> Vec<Lease> {
        let state = &mut *self.lock();
        let lost = leases.iter().filter(|lease| match state.held.get_mut(&lease.id) {
            Some(held) if held.item.epoch == lease.epoch && held.item.handed.receipt.is_usable() => {
                held.until = until;
                false
            }
            Some(_) | None => true,
        });
        lost.copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What was held too long without a word waits again, first of all.
    fn take_back(&mut self, now: Timestamp) {
        let mut over: Vec<i64> = self.held.iter().filter(|(_, held)| held.until <= now).map(|(id, _)| *id).collect();
        over.sort_unstable_by(|a, b| b.cmp(a));
        for Held { mut item, endpoint, alone, .. } in over.into_iter().filter_map(|id| self.held.remove(&id)) {
            item.survived = true;
            item.lost_leases += 1;
            item.crashes += u32::from(alone);
            self.ready.entry(endpoint).or_default().push_front(item);
        }
    }

    fn busy_turns(&self, claim: &Claim<'_>) -> HashSet<String> {
        if claim.turns == Turns::Free {
            return HashSet::new();
        }
        let held = self.held.values().filter(|held| &*held.endpoint == claim.endpoint);
        held.map(|held| held.item.turn()).collect()
    }

    fn hold(&mut self, mut item: Item, claim: &Claim<'_>, now: Timestamp) -> Delivery {
        item.epoch += 1;
        let (lease, alone) = (Lease { id: item.id, epoch: item.epoch }, item.survived);
        let mut delivery = Delivery::new(lease, item.handed.envelope.clone(), Arc::clone(&item.handed.body));
        delivery.envelope.crashes = item.crashes;
        delivery.is_survivor = alone;
        delivery.lost_leases = item.lost_leases;
        delivery.is_expired = item.handed.envelope.expires_at.is_some_and(|at| at <= now);
        let held = Held { item, endpoint: Arc::from(claim.endpoint), until: now + claim.lease, alone };
        self.held.insert(lease.id, held);
        delivery
    }

    fn remove(&mut self, lease: Lease) -> Option<Held> {
        self.held.get(&lease.id).filter(|held| held.item.epoch == lease.epoch)?;
        self.held.remove(&lease.id)
    }
}

impl Item {
    /// With whom it takes turns: all of its tenant and key.
    fn turn(&self) -> String {
        let envelope = &self.handed.envelope;
        format!("{}:{}:{}", envelope.tenant.as_str().len(), envelope.tenant, envelope.key.as_str())
    }
}
