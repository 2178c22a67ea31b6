//! A message, when it is sent, and what becomes of due times at which nobody was there to send it.

use std::{fmt, sync::Arc, time::Duration};

use crate::{Draft, Message, Tenant, Timestamp, Timetable};

/// A message and when it is sent, for [`Module::schedule`](crate::Module::schedule).
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # use wharf::{Key, Message};
/// # #[derive(Serialize, Deserialize)] struct CloseBooks;
/// # impl Message for CloseBooks {
/// #     const NAME: &'static str = "ledger.close-books";
/// #     fn key(&self) -> Key { Key::new("ledger", 1) }
/// # }
/// use wharf::{Misfire, Module, Schedule, Timetable};
///
/// let nightly = Timetable::cron("0 3 * * *", "Europe/Berlin")?;
/// let ledger = Module::new("ledger", ())
///     .schedule(Schedule::new(nightly, CloseBooks).named("nightly").misfire(Misfire::RunAll));
/// # Ok::<(), wharf::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schedule {
    /// Whose.
    pub tenant: Tenant,
    /// Unique within the tenant; the message's name, unless another was chosen.
    pub name: Arc<str>,
    /// When it is due.
    pub timetable: Timetable,
    /// What is sent.
    pub message: Draft,
    /// What becomes of due times that passed.
    pub misfire: Misfire,
    /// What becomes of a due time while an earlier one's job goes on.
    pub overlap: Overlap,
    /// When it is paused by itself. Not stored.
    pub pause_after: Option<PauseAfter>,
    /// For so long after its start a worker leaves it alone. Not stored.
    pub start_delay: Duration,
}

/// A schedule whose job has failed so often, the last time after each other and within so long, is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PauseAfter {
    /// So many runs in a row, each with all its retries.
    pub failures: u32,
    /// Within so long.
    pub within: Duration,
}

impl Schedule {
    /// Sends this message at the due times of a timetable.
    pub fn new<M: Message>(timetable: Timetable, message: M) -> Self {
        Self::of(timetable, Draft::of(&message))
    }

    /// Sends a message as it was written down, such as one with a priority or an expiry of its own.
    pub fn of(timetable: Timetable, message: Draft) -> Self {
        let (tenant, name) = (Tenant::default(), Arc::from(&*message.name));
        let (misfire, overlap, start_delay) = (Misfire::default(), Overlap::default(), Duration::ZERO);
        Self { tenant, name, timetable, message, misfire, overlap, pause_after: None, start_delay }
    }

    /// Under a name of its own, where a message has more than one schedule.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Arc::from(name);
        self
    }

    /// What becomes of due times at which nobody was there to send it.
    #[must_use]
    pub fn misfire(mut self, misfire: Misfire) -> Self {
        self.misfire = misfire;
        self
    }

    /// What becomes of a due time while the job that an earlier one enqueued still waits or runs. Only of schedules of jobs.
    #[must_use]
    pub fn overlap(mut self, overlap: Overlap) -> Self {
        self.overlap = overlap;
        self
    }

    /// Pauses it by itself once so many of the runs that it enqueued have failed one after another, each with all its
    /// retries, and all within this time: whoever [resumes](crate::Client::resume_schedule) it begins a new count. Only of
    /// schedules of jobs.
    #[must_use]
    pub fn pause_after(mut self, failures: u32, within: Duration) -> Self {
        self.pause_after = Some(PauseAfter { failures, within });
        self
    }

    /// A worker leaves it alone for so long after its start, so that what starts with it comes first. Workers that run
    /// already go on with it meanwhile.
    #[must_use]
    pub fn start_delay(mut self, delay: Duration) -> Self {
        self.start_delay = delay;
        self
    }

    /// As a module keeps it, with what its name decides.
    pub(crate) fn named_for_good(mut self) -> Self {
        match self.overlap {
            Overlap::Allow => {}
            Overlap::Skip => self.message.unique = Some(format!("schedule:{}", self.name)),
            Overlap::Queue => self.message.in_order = true,
        }
        self
    }

    /// When a worker that starts now looks for the first time.
    pub(crate) fn first_look(&self, now: Timestamp) -> Timestamp {
        now + self.start_delay
    }
}

/// What becomes of due times at which nobody was there to send the message: no worker ran, or the database was away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Misfire {
    /// One message, at once, stands for all that passed; the others are counted as missed.
    #[default]
    RunOnce,
    /// Each that passed is made up for by a message of its own, in order: at most [`Misfire::RUN_ALL_MAX`] in one commit,
    /// and the rest in the next.
    RunAll,
    /// What is late by more than [`Misfire::TOLERANCE`] is not sent, only counted as missed. So may a
    /// [`Timetable::once`] be missed for good.
    Skip,
}

/// What becomes of a due time while the job that an earlier one enqueued still waits or runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overlap {
    /// Its job is enqueued all the same, and may run beside the other.
    #[default]
    Allow,
    /// It passes: its job is [`unique`](Draft::unique) by the schedule's name. One that waits for a retry goes on, too. How
    /// often that was so is [recorded](crate::StoredSchedule::skipped).
    Skip,
    /// Its job waits until the earlier one has ended, with all its retries: those that schedules enqueue of one job and key
    /// run one after another, first in, first out. Others of that job are not held up. The worker that declares the schedule
    /// must run the job.
    Queue,
}

impl Misfire {
    /// How many messages [`Misfire::RunAll`] sends in one commit.
    pub const RUN_ALL_MAX: usize = 100;
    /// How late a due time may be and still be sent by [`Misfire::Skip`].
    pub const TOLERANCE: Duration = Duration::from_secs(60);

    /// As engines store it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RunOnce => "run-once",
            Self::RunAll => "run-all",
            Self::Skip => "skip",
        }
    }

    /// Reads back what [`Misfire::as_str`] gave.
    pub fn from_stored(text: &str) -> Self {
        [Self::RunAll, Self::Skip].into_iter().find(|one| one.as_str() == text).unwrap_or_default()
    }
}

impl fmt::Display for Misfire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
