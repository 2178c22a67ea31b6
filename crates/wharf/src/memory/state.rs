//! What the memory engine holds, and the changes that can be made to it.

use std::{
    collections::{BTreeMap, HashMap, HashSet, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use uuid::Uuid;

use crate::{
    Code, Envelope, Kind, Outgoing, Tenant, Timestamp,
    memory::history::History,
    ports::{
        Burial, Claim, DeadLetter, Ending, JobType, Lease, Outcome, Receipt, Report, Round, RunEnd, RunStatus, SagaId,
        SagaRow, StoredSchedule, TimerArm, Turns,
    },
};

/// Everything the engine holds.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) deliveries: BTreeMap<i64, Row>,
    pub(super) dead: BTreeMap<i64, Dead>,
    pub(super) inbox: HashMap<(Tenant, Arc<str>, Uuid), Ended>,
    pub(super) survivors: HashMap<(Tenant, Arc<str>, Uuid), Survivor>,
    pub(super) sagas: HashMap<SagaId, Instance>,
    pub(super) timers: BTreeMap<(SagaId, String), Timer>,
    pub(super) subscriptions: BTreeMap<(Arc<str>, Arc<str>), super::subscriptions::Row>,
    pub(super) schedules: BTreeMap<(Tenant, Arc<str>), StoredSchedule>,
    pub(super) job_types: BTreeMap<Arc<str>, JobType>,
    /// When instances finished, first.
    pub(super) finished: BTreeMap<SagaId, Timestamp>,
    pub(super) values: BTreeMap<String, String>,
    pub(super) history: History,
    pub(super) next_id: i64,
}

/// A saga instance, and when it took its first and its last step.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    pub(super) row: SagaRow,
    pub(super) began_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

/// A delivery that waits or is held.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) endpoint: Arc<str>,
    pub(super) not_before: Timestamp,
    /// When it became due for the first time: its place among those of its turn.
    pub(super) place: Timestamp,
    pub(super) turn: Option<Arc<str>>,
    pub(super) unique: Option<Arc<str>>,
    pub(super) epoch: i64,
    pub(super) held: bool,
    /// Whether it was claimed alone, as a survivor.
    pub(super) alone: bool,
    pub(super) lost_leases: u32,
    pub(super) unknown_since: Option<Timestamp>,
    pub(super) envelope: Envelope,
    pub(super) body: Arc<str>,
}

impl Row {
    /// One that nobody has claimed yet, and that takes no turns.
    fn new(endpoint: Arc<str>, due: Timestamp, envelope: Envelope, body: Arc<str>) -> Self {
        Self {
            endpoint,
            not_before: due,
            place: due,
            turn: None,
            unique: None,
            epoch: 0,
            held: false,
            alone: false,
            lost_leases: 0,
            unknown_since: None,
            envelope,
            body,
        }
    }
}

/// A dead letter, where it goes when it is redriven, and its place among those of its turn.
#[derive(Debug, Clone)]
pub(super) struct Dead {
    pub(super) letter: DeadLetter,
    pub(super) redrive_to: Arc<str>,
    pub(super) place: Timestamp,
    pub(super) turn: Option<Arc<str>>,
}

/// What the inbox keeps of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    /// So many rounds.
    pub(super) rounds: u32,
    pub(super) ending: Ending,
    pub(super) at: Timestamp,
}

/// A message of another transport that was claimed alone.
#[derive(Debug, Clone)]
pub(super) struct Survivor {
    round: u32,
    crashes: u32,
    held: bool,
    at: Timestamp,
}

#[derive(Debug, Clone)]
pub(super) struct Timer {
    pub(super) arm: TimerArm,
    pub(super) due: Timestamp,
    pub(super) fired: bool,
}

impl Row {
    /// Holds it for another lease. One that is still held has lost the lease before.
    pub(super) fn hold(&mut self, until: Timestamp) {
        self.lost_leases += u32::from(self.held);
        self.envelope.crashes += u32::from(self.alone);
        self.alone = self.held;
        self.held = true;
        self.epoch += 1;
        self.not_before = until;
    }

    /// Whether it is the only one that there may be of what this is one of.
    fn keeps_out(&self, other: &Outgoing) -> bool {
        let of = |envelope: &Envelope| (envelope.tenant.clone(), Arc::clone(&envelope.name));
        self.unique == other.unique && of(&self.envelope) == of(&other.envelope)
    }

    /// Whether nobody works on it: it was never claimed, or its holder is gone.
    pub(super) fn waits(&self, now: Timestamp) -> bool {
        !self.held || self.not_before <= now
    }
}

impl State {
    /// Returns how many were kept out by others of their unique key.
    pub(super) fn send(&mut self, outgoing: &[Outgoing], now: Timestamp) -> u64 {
        let mut kept_out = 0;
        for one in outgoing {
            if one.unique.is_some() && self.deliveries.values().any(|row| row.keeps_out(one)) {
                kept_out += 1;
                continue;
            }
            let mut envelope = one.envelope.clone();
            envelope.expires_at = one.expires_in.map(|time| now + time).or(envelope.expires_at);
            let row = Row::new(Arc::clone(&one.endpoint), now + one.delay, envelope, Arc::clone(&one.body));
            self.insert(Row { turn: one.turn.clone(), unique: one.unique.clone(), ..row });
        }
        kept_out
    }

    fn insert(&mut self, row: Row) {
        self.next_id += 1;
        self.deliveries.insert(self.next_id, row);
    }

    /// Gives to the dead letters what waits and is meant, the first `max` of it; of a job, to its history. Returns how many.
    pub(super) fn give_up(&mut self, code: Code, max: usize, now: Timestamp, is_meant: impl Fn(&Row) -> bool) -> u64 {
        let waiting = self.deliveries.iter().filter(|(_, row)| row.waits(now) && is_meant(row));
        let waiting: Vec<_> = waiting.take(max).map(|(id, row)| (*id, row.epoch, row.envelope.attempt)).collect();
        for (id, epoch, attempt) in &waiting {
            let given_up = Outcome::DeadLetter { code, reason: code.meaning.to_owned(), attempt: *attempt };
            let lease = Lease { id: *id, epoch: *epoch };
            let is_job = self.deliveries.get(id).is_some_and(|row| row.envelope.kind == Kind::Job);
            if is_job {
                let end = RunEnd::unwell(RunStatus::Cancelled, *attempt, code, code.meaning.to_owned());
                self.report(lease, &Report { end: Some(end), ..Report::default() }, now);
                self.settle(lease, &Outcome::Done, now);
                continue;
            }
            self.settle(lease, &given_up, now);
        }
        waiting.len() as u64
    }

    /// The rows that this claim takes, in their order; and when the next will be due, if fewer are than it asked for.
    pub(super) fn due(&self, claim: &Claim<'_>, now: Timestamp) -> (Vec<i64>, Option<Timestamp>) {
        let ours = || self.deliveries.iter().filter(|(_, row)| &*row.endpoint == claim.endpoint);
        let mut due: Vec<_> = ours().filter(|(_, row)| row.not_before <= now).collect();
        due.retain(|(_, row)| claim.survivors || !row.held);
        due.sort_unstable_by_key(|(id, row)| (row.envelope.priority.rank(), row.not_before, **id));
        let mut rows = due;
        if claim.turns != Turns::Free {
            let may_go = self.may_go(claim);
            rows.retain(|(id, row)| row.turn.is_none() || may_go.contains(*id));
        }
        // Rows that take turns may be claimed where none are asked for: then they are like any other.
        let turn = |row: &&Row| row.turn.as_deref().filter(|_| claim.turns != Turns::Free).map(str::to_owned);
        let chosen = Turns::choose(rows, claim.max, |(_, row)| turn(row), |(_, row)| row.held);
        let is_full = chosen.len() >= claim.max;
        let next_due = ours().map(|(_, row)| row.not_before).filter(|due| *due > now).min();
        (chosen.into_iter().map(|(id, _)| *id).collect(), next_due.filter(|_| !is_full))
    }

    /// Those whose turn it may be: nobody of their turn is held but they themselves, and where the turn is ordered, none
    /// of it is before them.
    fn may_go(&self, claim: &Claim<'_>) -> HashSet<i64> {
        let mut held = HashMap::new();
        let mut first = HashMap::new();
        let mut dead = HashMap::new();
        for (id, row) in self.deliveries.iter().filter(|(_, row)| &*row.endpoint == claim.endpoint) {
            let Some(turn) = row.turn.as_deref() else { continue };
            if row.held {
                held.insert(turn, *id);
            }
            let first = first.entry(turn).or_insert((row.place, *id));
            *first = (*first).min((row.place, *id));
        }
        let expired = Code::EXPIRED.to_string();
        let holding = |letter: &DeadLetter| letter.endpoint == claim.endpoint && letter.code != expired;
        for (id, letter) in self.dead.iter().filter(|(_, dead)| holding(&dead.letter)) {
            let Some(turn) = letter.turn.as_deref() else { continue };
            let first = dead.entry(turn).or_insert((letter.place, *id));
            *first = (*first).min((letter.place, *id));
        }
        let mut may_go = HashSet::new();
        for (id, row) in &self.deliveries {
            let Some(turn) = row.turn.as_deref() else { continue };
            let place = (row.place, *id);
            let is_free = held.get(turn).is_none_or(|held| held == id);
            let is_next = match claim.turns {
                Turns::Free | Turns::OneAtATime => true,
                Turns::Ordered { dead_letters_hold } => {
                    let is_held_up = dead_letters_hold && dead.get(turn).is_some_and(|dead| *dead < place);
                    first.get(turn) == Some(&place) && !is_held_up
                }
            };
            if &*row.endpoint == claim.endpoint && is_free && is_next {
                may_go.insert(*id);
            }
        }
        may_go
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
            Outcome::Unknown { delay } => {
                row.unknown_since = row.unknown_since.or(Some(now));
                release(row, *delay);
            }
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
                let (redrive_to, place, turn) = (row.endpoint, row.place, row.turn);
                self.dead.insert(lease.id, Dead { letter, redrive_to, place, turn });
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

    /// Notes that it is claimed alone; how often it was lost so before.
    pub(super) fn hold_alone(&mut self, round: &Round, now: Timestamp) -> u32 {
        let before = self.survivors.get(&message(round)).filter(|before| before.round == round.number);
        let crashes = before.map_or(0, |before| before.crashes + u32::from(before.held));
        let survivor = Survivor { round: round.number, crashes, held: true, at: now };
        self.survivors.insert(message(round), survivor);
        crashes
    }

    /// Notes that it is no longer held alone.
    pub(super) fn let_go(&mut self, round: &Round) {
        if let Entry::Occupied(mut survivor) = self.survivors.entry(message(round)) {
            survivor.get_mut().held = false;
            if survivor.get().crashes == 0 {
                survivor.remove();
            }
        }
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
        self.dead.insert(letter.id, Dead { letter, redrive_to: burial.redrive_to, place: now, turn: None });
    }

    /// Sends a dead letter round again; where, if it was still there.
    pub(super) fn redrive(&mut self, id: i64, now: Timestamp) -> Option<Arc<str>> {
        let Dead { letter, redrive_to: endpoint, place, turn } = self.dead.remove(&id)?;
        let mut envelope = letter.envelope;
        self.history.runs.remove(&(envelope.tenant.clone(), envelope.id));
        self.reopen(&(envelope.tenant.clone(), Arc::from(letter.endpoint), envelope.id));
        (envelope.attempt, envelope.crashes, envelope.expires_at) = (0, 0, None);
        envelope.redrives += 1;
        // Before those that were sent with it, though its id is now a later one.
        let place = place - Duration::from_micros(1);
        self.insert(Row { place, turn, ..Row::new(Arc::clone(&endpoint), now, envelope, letter.body) });
        Some(endpoint)
    }

    /// What its dead letter's copy was put back for.
    pub(super) fn redriven(&mut self, round: &Round) {
        if self.ending(round).is_some() {
            return;
        }
        self.dead.retain(|_, Dead { letter, .. }| {
            let envelope = &letter.envelope;
            (&envelope.tenant, &*letter.endpoint, envelope.id) != (&round.tenant, &*round.endpoint, round.message)
        });
        self.reopen(&message(round));
    }

    /// The inbox says of a message that it comes again, if it says that it is dead.
    fn reopen(&mut self, message: &(Tenant, Arc<str>, Uuid)) {
        if let Some(ended) = self.inbox.get_mut(message)
            && ended.ending == Ending::DeadLettered
        {
            ended.ending = Ending::Again;
        }
    }

    /// Forgets messages of the inbox whose last round ended before this; at most so many.
    pub(super) fn forget(&mut self, ended_before: Timestamp, max: usize) -> u64 {
        let old = self.inbox.iter().filter(|(_, ended)| ended.at < ended_before).take(max);
        let old: HashSet<_> = old.map(|(message, _)| message.clone()).collect();
        self.inbox.retain(|message, _| !old.contains(message));
        let counted = self.survivors.iter().filter(|(_, survivor)| survivor.at < ended_before).take(max);
        let counted: HashSet<_> = counted.map(|(message, _)| message.clone()).collect();
        self.survivors.retain(|message, _| !counted.contains(message));
        (old.len() + counted.len()) as u64
    }
}

fn message(round: &Round) -> (Tenant, Arc<str>, Uuid) {
    (round.tenant.clone(), Arc::clone(&round.endpoint), round.message)
}
