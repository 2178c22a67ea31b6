//! The port that keeps the history of jobs: what became of each run, what it logged, how far it has come.
//!
//! A run that has not ended is its delivery and nothing else, so that the two cannot disagree; what it logs stands beside
//! it. The commit that takes the delivery away is the one that writes down how the run ended.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Lease;
use crate::{Code, Envelope, Error, Key, Tenant, Timestamp, Trail};

/// Keeps the history of jobs, apart from the deliveries: a million runs that have ended are in nobody's way.
#[async_trait]
pub trait History: fmt::Debug + Send + Sync {
    /// Writes down, in one commit of their own, what runs that go on have to tell. For each `false`, and nothing of it was
    /// written, when its delivery was no longer held under this lease.
    async fn report(&self, reports: &[(Lease, Report)]) -> Result<Vec<bool>, Error>;

    /// The runs that match and have not ended, the oldest first.
    async fn active(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, Error>;

    /// The runs that match and have ended, the last one first.
    async fn ended(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, Error>;

    /// What a run logged, in its order, after the line of this id; at most `max` lines.
    async fn lines(&self, tenant: &Tenant, run: Uuid, after: Option<Uuid>, max: u32) -> Result<Vec<LogLine>, Error>;
}

/// What the run of a job has to tell.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// Whose run.
    pub tenant: Tenant,
    /// Its id, which is that of the message.
    pub run: Uuid,
    /// The worker that tells it.
    pub worker: Uuid,
    /// For how long this attempt has been running; `None` when its handler never began.
    pub took: Option<Duration>,
    /// How far it has come, if it says so.
    pub progress: Option<Progress>,
    /// What was logged since the last report. One that was told before is known by its id, and not written again.
    pub lines: Vec<LogLine>,
    /// Whether some of it was told before, while it went on: what is kept of that goes with its end.
    pub is_known: bool,
    /// How it ended, if it did.
    pub end: Option<RunEnd>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunEnd {
    /// One of those that [have ended](RunStatus::has_ended).
    pub status: RunStatus,
    /// How often its handler was tried, the last try included. Crashes are counted apart.
    pub attempts: u32,
    /// What it returned, as JSON; `None` of one that returns nothing.
    pub result: Option<Arc<str>>,
    /// Why it did not succeed.
    pub error: Option<(Code, String)>,
}

/// Where a run stands. It only moves forward: an attempt that fails makes it wait again, with one attempt more, and what
/// has ended stays so until a person sends it round again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RunStatus {
    /// Waits for a worker, or for the time it was put off to.
    Queued,
    /// A worker has it.
    Running,
    /// Waits for its next attempt.
    Retrying,
    /// Its handler returned well.
    Succeeded,
    /// Its last attempt failed.
    Failed,
    /// A person no longer wanted it.
    Cancelled,
    /// Its last attempt took too long.
    TimedOut,
}

/// How far a run has come: so many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// So many are done.
    pub done: u64,
    /// Of so many.
    pub of: u64,
}

/// A line that a job logged, for the people who look at its run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LogLine {
    /// UUIDv7: its place among the lines of its run.
    pub id: Uuid,
    /// When, by the worker's clock.
    pub at: Timestamp,
    /// In which attempt, from 1.
    pub attempt: u32,
    /// How grave.
    pub level: LogLevel,
    /// In words.
    pub text: String,
    /// In figures.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, serde_json::Value>,
}

/// How grave a line of a job's log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Only for who looks for a fault.
    Debug,
    /// As things should be.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
}

/// A run of a job, as its history tells of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// The id under which the job was enqueued.
    pub id: Uuid,
    /// Whose.
    pub tenant: Tenant,
    /// [`Job::NAME`](crate::Job::NAME).
    pub job: Arc<str>,
    /// [`Job::VERSION`](crate::Job::VERSION) of its arguments.
    pub version: u16,
    /// What it is about.
    pub key: Key,
    /// Its arguments, as JSON.
    pub args: Arc<str>,
    /// Where it stands.
    pub status: RunStatus,
    /// How often its handler was tried and ended; of a run that has not ended, how often it failed.
    pub attempts: u32,
    /// How often it was lost with its worker while it ran alone.
    pub crashes: u32,
    /// How often a person sent it round again.
    pub redrives: u32,
    /// When it was enqueued, by the clock of who did.
    pub enqueued_at: Timestamp,
    /// Of one that waits: not before this.
    pub due_at: Option<Timestamp>,
    /// When its last attempt began, as far as is known.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The worker that ran it last, as far as is known.
    pub worker: Option<Uuid>,
    /// How far it has come, if it says so.
    pub progress: Option<Progress>,
    /// What it returned, as JSON.
    pub result: Option<Arc<str>>,
    /// The code of its error, such as `W0005`.
    pub code: Option<String>,
    /// Its error, with all causes.
    pub reason: Option<String>,
    /// What it follows from.
    pub trail: Trail,
}

/// Which runs. An empty filter matches all, up to its limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunFilter {
    /// Only this one.
    pub id: Option<Uuid>,
    /// Only of this tenant.
    pub tenant: Option<Tenant>,
    /// Only of this job.
    pub job: Option<String>,
    /// Only those that this schedule enqueued.
    pub schedule: Option<String>,
    /// Only those that stand here.
    pub status: Option<RunStatus>,
    /// Only the one that is [`unique`](crate::Draft::unique) under this key; once it has ended it is so no more.
    pub unique: Option<String>,
    /// Of those that have ended, only those that ended before this: the next page.
    pub ended_before: Option<Timestamp>,
    /// At most so many; `None` is [`RunFilter::LIMIT_MAX_ROWS`].
    pub limit: Option<u32>,
}

impl RunFilter {
    /// What one call returns at most.
    pub const LIMIT_MAX_ROWS: u32 = 1_000;

    /// One run.
    pub fn one(tenant: &Tenant, id: Uuid) -> Self {
        Self { id: Some(id), tenant: Some(tenant.clone()), ..Self::default() }
    }

    /// Only of this tenant.
    #[must_use]
    pub fn tenant(mut self, tenant: &Tenant) -> Self {
        self.tenant = Some(tenant.clone());
        self
    }

    /// Only of this job.
    #[must_use]
    pub fn job(mut self, name: &str) -> Self {
        self.job = Some(name.to_owned());
        self
    }

    /// Only those that this schedule enqueued.
    #[must_use]
    pub fn schedule(mut self, name: &str) -> Self {
        self.schedule = Some(name.to_owned());
        self
    }

    /// Only those that stand here.
    #[must_use]
    pub fn status(mut self, status: RunStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// Only the one that is [`unique`](crate::Draft::unique) under this key.
    #[must_use]
    pub fn unique(mut self, key: &str) -> Self {
        self.unique = Some(key.to_owned());
        self
    }

    /// Of those that have ended, only those that ended before this.
    #[must_use]
    pub fn ended_before(mut self, moment: Timestamp) -> Self {
        self.ended_before = Some(moment);
        self
    }

    /// At most so many.
    #[must_use]
    pub fn limit(mut self, runs: u32) -> Self {
        self.limit = Some(runs);
        self
    }

    /// How many rows this filter allows.
    pub fn limit_rows(&self) -> u32 {
        self.limit.unwrap_or(Self::LIMIT_MAX_ROWS).min(Self::LIMIT_MAX_ROWS)
    }

    /// Whether it may match a run that stands where `status` says.
    pub fn admits(&self, status: RunStatus) -> bool {
        self.status.is_none_or(|wanted| wanted == status)
    }
}

impl RunStatus {
    /// Every status, in the order in which a run may come to them.
    pub const ALL: [Self; 7] =
        [Self::Queued, Self::Running, Self::Retrying, Self::Succeeded, Self::Failed, Self::Cancelled, Self::TimedOut];

    /// Where a run stands that has not ended: whether a worker has it, and how often it has failed.
    pub fn of_active(is_held: bool, failed_attempts: u32) -> Self {
        match (is_held, failed_attempts) {
            (true, _) => Self::Running,
            (false, 0) => Self::Queued,
            (false, _) => Self::Retrying,
        }
    }

    /// Whether nothing more will happen by itself.
    pub fn has_ended(self) -> bool {
        match self {
            Self::Queued | Self::Running | Self::Retrying => false,
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::TimedOut => true,
        }
    }

    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed-out",
        }
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for RunStatus {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|status| status.as_str() == text);
        found.ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str).join(", ");
            Error::new(Code::RUN_STATUS_UNKNOWN, format!("\"{text}\" is none of {all}"))
        })
    }
}

impl LogLine {
    /// A line as it was written.
    pub fn new(
        id: Uuid,
        at: Timestamp,
        attempt: u32,
        level: LogLevel,
        text: String,
        fields: BTreeMap<String, serde_json::Value>,
    ) -> Self {
        Self { id, at, attempt, level, text, fields }
    }
}

impl LogLevel {
    /// Reads what [`LogLevel::as_str`] gave; what a foreign hand wrote is worth a look.
    pub fn from_stored(text: &str) -> Self {
        [Self::Debug, Self::Info, Self::Error].into_iter().find(|level| level.as_str() == text).unwrap_or(Self::Warn)
    }

    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl RunRecord {
    /// The run that a delivery is, as far as the delivery itself tells.
    pub fn of(envelope: &Envelope, body: &Arc<str>, status: RunStatus) -> Self {
        Self {
            id: envelope.id,
            tenant: envelope.tenant.clone(),
            job: Arc::clone(&envelope.name),
            version: envelope.version,
            key: envelope.key.clone(),
            args: Arc::clone(body),
            status,
            attempts: envelope.attempt,
            crashes: envelope.crashes,
            redrives: envelope.redrives,
            enqueued_at: envelope.sent_at,
            due_at: None,
            started_at: None,
            ended_at: None,
            worker: None,
            progress: None,
            result: None,
            code: None,
            reason: None,
            trail: envelope.trail.clone(),
        }
    }

    /// The same, ended as the report says.
    #[must_use]
    pub fn ended(mut self, report: &Report, end: &RunEnd, now: Timestamp) -> Self {
        (self.status, self.attempts, self.ended_at) = (end.status, end.attempts, Some(now));
        (self.started_at, self.worker) = (report.took.map(|took| now - took), Some(report.worker));
        (self.progress, self.result) = (report.progress, end.result.clone());
        (self.code, self.reason) = match &end.error {
            Some((code, reason)) => (Some(code.to_string()), Some(reason.clone())),
            None => (None, None),
        };
        self
    }
}

impl RunEnd {
    /// A good end.
    pub fn succeeded(attempts: u32, result: Option<Arc<str>>) -> Self {
        Self { status: RunStatus::Succeeded, attempts, result, error: None }
    }

    /// Another.
    pub fn unwell(status: RunStatus, attempts: u32, code: Code, reason: String) -> Self {
        Self { status, attempts, result: None, error: Some((code, reason)) }
    }
}
