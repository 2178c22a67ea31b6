//! Schedules: what modules send every so often, kept in a table so that each due time is one message, however many
//! workers run.

use std::{sync::Arc, time::Duration};

use crate::{Tenant, Timestamp, micros};

/// A message that is sent at every multiple of a period, as its module declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Whose.
    pub tenant: Tenant,
    /// Unique within the tenant; the message's name, unless the module chose another.
    pub name: Arc<str>,
    /// The message's name.
    pub message: Arc<str>,
    /// A microsecond at least. Due times are its multiples since 1970, UTC.
    pub period: Duration,
}

/// A schedule as it is stored. Nobody ever holds one: it is due until the commit that sends its message moves it on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSchedule {
    /// As it was last declared.
    pub schedule: Schedule,
    /// When it is due next, by the engine's clock.
    pub next_at: Timestamp,
    /// When it was last fired.
    pub last_at: Option<Timestamp>,
    /// Due times that passed while nobody fired it, since it was first declared. They are not made up for.
    pub missed: u64,
}

/// What [`Store::fire_schedule`](super::Store::fire_schedule) did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Ticked {
    /// Whether it was due, and its message sent.
    pub fired: bool,
    /// How many due times this firing stands for besides its own.
    pub missed: u64,
    /// When it is due next, by the engine's clock. `None` when there is no such schedule.
    pub next_due: Option<Timestamp>,
}

impl Schedule {
    /// The first multiple of the period after `now`.
    pub fn first_after(&self, now: Timestamp) -> Timestamp {
        let period = micros(self.period).max(1);
        Timestamp::from_micros((now.as_micros().div_euclid(period) + 1).saturating_mul(period))
    }
}

impl StoredSchedule {
    /// A schedule that was never declared before.
    pub fn new(schedule: Schedule, now: Timestamp) -> Self {
        Self { next_at: schedule.first_after(now), schedule, last_at: None, missed: 0 }
    }

    /// The same schedule declared again. It keeps its next due time, so that what was missed meanwhile is noticed; a
    /// changed period may bring it forward.
    pub fn declare(&mut self, schedule: Schedule, now: Timestamp) {
        if schedule.period != self.schedule.period {
            self.next_at = self.next_at.min(schedule.first_after(now));
        }
        self.schedule = schedule;
    }

    /// Moves it on if it is due.
    pub fn fire(&mut self, now: Timestamp) -> Ticked {
        if self.next_at > now {
            return Ticked { fired: false, missed: 0, next_due: Some(self.next_at) };
        }
        let late = now.as_micros().saturating_sub(self.next_at.as_micros());
        let missed = (late / micros(self.schedule.period).max(1)).unsigned_abs();
        self.next_at = self.schedule.first_after(now);
        self.last_at = Some(now);
        self.missed += missed;
        Ticked { fired: true, missed, next_due: Some(self.next_at) }
    }
}
