//! Schedules as they are stored: each due time is one message, however many workers run.

use std::{iter, sync::Arc, time::Duration};

use uuid::Uuid;

use crate::{Draft, Error, Firing, Misfire, Outgoing, Schedule, Tenant, Timestamp, Timetable};

/// A schedule as it is stored. Nobody ever holds one: it is due until the commit that sends its message moves it on.
///
/// All that may become of one is decided here, by the engine's clock. An engine reads the row under a lock, and writes what
/// it has become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSchedule {
    /// Whose.
    pub tenant: Tenant,
    /// Unique within the tenant.
    pub name: Arc<str>,
    /// The message's name.
    pub message: Arc<str>,
    /// What it sends. `None` of one that was last declared by a version of wharf that did not store it.
    pub draft: Option<Draft>,
    /// What becomes of due times that passed.
    pub misfire: Misfire,
    /// When it is due, as a module declares it; see [`StoredSchedule::timetable`].
    pub declared: Arc<str>,
    /// When it is due. Other than declared once somebody has changed it.
    pub times: Arc<str>,
    /// When it is due next, by the engine's clock. `None` while it is paused, and when it is never due again.
    pub next_at: Option<Timestamp>,
    /// When it was last fired.
    pub last_at: Option<Timestamp>,
    /// Due times that passed and are not made up for, since it was first declared. Where a cron expression was left alone
    /// for very long, they are counted no further than [`StoredSchedule::MISSED_COUNT_MAX`] at once.
    pub missed: u64,
    /// Due times whose job was not enqueued, as that of an earlier due time still waited or ran: [`Overlap::Skip`].
    ///
    /// [`Overlap::Skip`]: crate::Overlap::Skip
    pub skipped: u64,
    /// Since when it is paused.
    pub paused_at: Option<Timestamp>,
    /// Why, where no person paused it.
    pub paused_because: Option<Arc<str>>,
    /// How often it was declared otherwise or changed, from 1.
    pub version: u64,
    /// When it was first declared, or last declared otherwise or changed.
    pub changed_at: Timestamp,
    /// Who changed it then; `None` when a module did.
    pub changed_by: Option<Arc<str>>,
}

/// What a person does to a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScheduleChange {
    /// It is due no more.
    Pause,
    /// The same, for this reason: its runs have [failed too often](crate::Schedule::pause_after).
    GiveUp(String),
    /// It is due again. What passed meanwhile is neither made up for nor counted.
    Resume,
    /// It is due at other times than its module declares.
    Times(Timetable),
    /// It is due as its module declares.
    Reset,
}

/// A schedule that should be due, and what it sends: for [`Store::fire_schedules`](super::Store::fire_schedules).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// Whose.
    pub tenant: Tenant,
    /// The schedule's.
    pub name: Arc<str>,
    /// For each due time.
    pub outgoing: Vec<Outgoing>,
}

/// What [`Store::fire_schedule`](super::Store::fire_schedule) did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Ticked {
    /// How many messages were sent, each for a due time of its own.
    pub fired: usize,
    /// How many due times passed that are not made up for.
    pub missed: u64,
    /// How many of those that were fired found the job of an earlier due time still there, and enqueued none.
    pub skipped: u64,
    /// When it is due next, by the engine's clock. `None` when it is not.
    pub next_due: Option<Timestamp>,
}

impl StoredSchedule {
    /// How many due times of a cron expression are counted at once.
    pub const MISSED_COUNT_MAX: u64 = 1_000;

    /// What becomes of a stored schedule, if there is one, when it is declared. It keeps its next due time, so that what was
    /// missed meanwhile is noticed, unless it is to be due at other times; those that somebody chose are kept. A new one
    /// that was due only once, before now, is never due.
    pub fn declared(before: Option<&Self>, schedule: &Schedule, now: Timestamp) -> Self {
        let Schedule { tenant, name, timetable, message, misfire, overlap: _, pause_after: _, start_delay: _ } =
            schedule;
        let (times, draft): (Arc<str>, _) = (Arc::from(timetable.to_string()), Some(message.clone()));
        let Some(before) = before else {
            return Self {
                tenant: tenant.clone(),
                name: Arc::clone(name),
                message: Arc::from(&*message.name),
                draft,
                misfire: *misfire,
                declared: Arc::clone(&times),
                times,
                next_at: timetable.first_after(now),
                last_at: None,
                missed: 0,
                skipped: 0,
                paused_at: None,
                paused_because: None,
                version: 1,
                changed_at: now,
                changed_by: None,
            };
        };
        let mut after = before.clone();
        let is_otherwise = times != before.declared
            || *misfire != before.misfire
            || before.draft.as_ref().is_some_and(|before| before != message);
        (after.draft, after.misfire, after.message) = (draft, *misfire, Arc::from(&*message.name));
        if !before.is_changed_by_hand() && times != before.times {
            after.times = Arc::clone(&times);
            let is_overdue = before.next_at.is_some_and(|due| due <= now);
            if !is_overdue && before.paused_at.is_none() {
                after.next_at = timetable.first_after(now);
            }
        }
        after.declared = times;
        if is_otherwise {
            (after.version, after.changed_at) = (before.version + 1, now);
            // Who chose the times stays on record for as long as they are kept.
            after.changed_by = before.changed_by.clone().filter(|_| after.is_changed_by_hand());
        }
        after
    }

    /// Moves it on if it is due. Returns what is to be sent in the same commit: copies of `message`, which is one message for
    /// each endpoint that gets it.
    ///
    /// # Errors
    /// When this program cannot read its timetable.
    pub fn fire(&mut self, now: Timestamp, message: &[Outgoing]) -> Result<(Ticked, Vec<Outgoing>), Error> {
        let Some(due) = self.next_at.filter(|due| *due <= now) else {
            return Ok((Ticked { next_due: self.next_at, ..Ticked::default() }, Vec::new()));
        };
        let timetable = self.timetable()?;
        let mut ticked = Ticked::default();
        let sent_for: Vec<Timestamp> = match self.misfire {
            Misfire::RunAll => {
                let passed = iter::once(due).chain(timetable.after(due)).take_while(|due| *due <= now);
                passed.take(Misfire::RUN_ALL_MAX).collect()
            }
            Misfire::RunOnce => vec![due],
            Misfire::Skip => {
                let in_time = now - Misfire::TOLERANCE;
                let first = if due >= in_time {
                    Some(due)
                } else {
                    timetable.first_after(in_time - Duration::from_micros(1)).filter(|due| *due <= now)
                };
                first.into_iter().collect()
            }
        };
        ticked.fired = sent_for.len();
        if self.misfire == Misfire::RunAll {
            self.next_at = sent_for.last().and_then(|last| timetable.first_after(*last));
        } else {
            let passed = 1 + timetable.count(due, now, Self::MISSED_COUNT_MAX);
            ticked.missed = passed - sent_for.len() as u64;
            self.next_at = timetable.first_after(now);
        }
        if ticked.fired > 0 {
            self.last_at = Some(now);
        }
        self.missed += ticked.missed;
        ticked.next_due = self.next_at;
        let outgoing = sent_for.into_iter().flat_map(|due| self.copies(message, due)).collect();
        Ok((ticked, outgoing))
    }

    /// Notes that so many of the messages that were just made of it found one of an earlier due time.
    pub fn skip(&mut self, skipped: u64) {
        self.skipped += skipped;
    }

    /// A message of its own for one due time, at every endpoint that gets it.
    fn copies(&self, message: &[Outgoing], due: Timestamp) -> impl Iterator<Item = Outgoing> {
        let (id, chain) = (Uuid::now_v7(), Uuid::now_v7());
        message.iter().cloned().map(move |mut outgoing| {
            let envelope = &mut outgoing.envelope;
            envelope.id = id;
            (envelope.trail.correlation, envelope.trail.conversation) = (chain, chain);
            envelope.trail.firing = Some(Firing { schedule: Arc::clone(&self.name), due_at: Some(due) });
            outgoing
        })
    }

    /// What becomes of it when somebody changes it. What is so already stays as it is.
    ///
    /// # Errors
    /// When this program cannot read its timetable.
    pub fn changed(&self, change: &ScheduleChange, who: &str, now: Timestamp) -> Result<Self, Error> {
        let mut after = self.clone();
        match change {
            ScheduleChange::Pause => after.paused_at = self.paused_at.or(Some(now)),
            ScheduleChange::GiveUp(_) if self.paused_at.is_some() => {}
            ScheduleChange::GiveUp(reason) => {
                (after.paused_at, after.paused_because) = (Some(now), Some(Arc::from(reason.as_str())));
            }
            ScheduleChange::Resume => (after.paused_at, after.paused_because) = (None, None),
            ScheduleChange::Times(timetable) => after.times = Arc::from(timetable.to_string()),
            ScheduleChange::Reset => after.times = Arc::clone(&self.declared),
        }
        if after == *self {
            return Ok(after);
        }
        after.next_at = match after.paused_at {
            Some(_) => None,
            None => after.timetable()?.first_after(now),
        };
        after.version += 1;
        (after.changed_at, after.changed_by) = (now, Some(Arc::from(who)));
        Ok(after)
    }

    /// When it is due.
    ///
    /// # Errors
    /// `W0090` or `W0091` when this program cannot read it.
    pub fn timetable(&self) -> Result<Timetable, Error> {
        self.times.parse()
    }

    /// The next `n` times at which it is due, as it stands.
    ///
    /// # Errors
    /// As [`StoredSchedule::timetable`].
    pub fn preview(&self, n: usize) -> Result<Vec<Timestamp>, Error> {
        let timetable = self.timetable()?;
        Ok(iter::successors(self.next_at, |due| timetable.first_after(*due)).take(n).collect())
    }

    /// Whether somebody has given it other times than its module.
    pub fn is_changed_by_hand(&self) -> bool {
        self.times != self.declared
    }
}
