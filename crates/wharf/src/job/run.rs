//! A run of a job, as its handler sees it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use uuid::Uuid;

use crate::{
    Cancel, Clock, Code, Error, FromDelivery, Tenant, Timestamp,
    context::Context,
    failure::{Failure, Verdict},
    ports::{Delivery, LogLevel, LogLine, Progress, Report, RunEnd},
};

/// This run of a job: it logs and tells how far it has come, for the people who look at it, while it runs and afterwards.
///
/// What is told reaches the history within a second, and its end along with it. It is cheap, and cheap to clone.
#[derive(Clone)]
pub struct Run {
    told: Arc<Told>,
    attempt: u32,
    /// Of this attempt.
    cancel: Cancel,
}

struct Told {
    id: Uuid,
    tenant: Tenant,
    job: Arc<str>,
    worker: Uuid,
    retries_max: u32,
    mirrors_logs: bool,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    began_at: Option<Timestamp>,
    lines: Vec<LogLine>,
    /// Lines so far, those that were reported included.
    count: usize,
    progress: Option<Progress>,
    result: Option<Arc<str>>,
    /// Whether there is news since the last report.
    has_news: bool,
    /// Whether anything was told while it went on, though perhaps nobody heard it.
    was_told: bool,
}

impl Run {
    /// A run may log so many lines; what comes after them is not kept, and a last line says so.
    pub const LINES_MAX: usize = 10_000;
    /// So long may the text of a line be; a longer one is cut.
    pub const TEXT_MAX_BYTES: usize = 8 * 1024;

    pub(crate) fn new(
        delivery: &Delivery,
        worker: Uuid,
        retries_max: u32,
        mirrors_logs: bool,
        cancel: &Cancel,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let envelope = &delivery.envelope;
        let told = Told {
            id: envelope.id,
            tenant: envelope.tenant.clone(),
            job: Arc::clone(&envelope.name),
            worker,
            retries_max,
            mirrors_logs,
            clock,
            state: Mutex::default(),
        };
        Self { told: Arc::new(told), attempt: envelope.attempt + 1, cancel: cancel.of_attempt() }
    }

    /// The id under which the job was enqueued.
    pub fn id(&self) -> Uuid {
        self.told.id
    }

    /// Whose it is.
    pub fn tenant(&self) -> &Tenant {
        &self.told.tenant
    }

    /// What the job is called.
    pub fn job(&self) -> &str {
        &self.told.job
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// How often it is tried again after a failure.
    pub fn retries_max(&self) -> u32 {
        self.told.retries_max
    }

    /// Whether it is no longer wanted: a person cancelled it, its worker stops, or this attempt has taken too long. An
    /// `async` job is then dropped at its next await; one that blocks its thread has to ask.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.reason().is_some()
    }

    /// Tells how far it has come: `done` of `of`.
    pub fn progress(&self, done: usize, of: usize) {
        let mut state = self.state();
        state.progress = Some(Progress { done: done as u64, of: of as u64 });
        state.has_news = true;
    }

    /// Logs a line for whoever looks for a fault.
    pub fn debug(&self, text: impl Into<String>) {
        self.log(LogLevel::Debug, text, []);
    }

    /// Logs a line.
    pub fn info(&self, text: impl Into<String>) {
        self.log(LogLevel::Info, text, []);
    }

    /// Logs a line that is worth a look.
    pub fn warn(&self, text: impl Into<String>) {
        self.log(LogLevel::Warn, text, []);
    }

    /// Logs that something failed. It does not end the run.
    pub fn error(&self, text: impl Into<String>) {
        self.log(LogLevel::Error, text, []);
    }

    /// Logs a line with figures beside its text.
    ///
    /// ```
    /// # use wharf::{LogLevel, Run};
    /// # fn example(run: &Run, width: u32) {
    /// run.log(LogLevel::Info, "resized", [("width", width.into()), ("format", "png".into())]);
    /// # }
    /// ```
    pub fn log<const N: usize>(
        &self,
        level: LogLevel,
        text: impl Into<String>,
        fields: [(&str, serde_json::Value); N],
    ) {
        let (mut text, at) = (text.into(), self.told.clock.now());
        cut(&mut text);
        let fields: BTreeMap<_, _> = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        if self.told.mirrors_logs {
            self.mirror(level, &text, &fields);
        }
        let mut state = self.state();
        state.count += 1;
        if state.count > Self::LINES_MAX {
            return;
        }
        if state.count == Self::LINES_MAX {
            text = format!("this run logs more than {} lines; the rest is not kept", Self::LINES_MAX);
        }
        state.lines.push(LogLine { id: Uuid::now_v7(), at, attempt: self.attempt, level, text, fields });
        state.has_news = true;
    }

    fn mirror(&self, level: LogLevel, text: &str, fields: &BTreeMap<String, serde_json::Value>) {
        let (job, run, attempt) = (self.job(), self.id(), self.attempt);
        match level {
            LogLevel::Debug => tracing::debug!(job, %run, attempt, ?fields, "{text}"),
            LogLevel::Info => tracing::info!(job, %run, attempt, ?fields, "{text}"),
            LogLevel::Warn => tracing::warn!(job, %run, attempt, ?fields, "{text}"),
            LogLevel::Error => tracing::error!(job, %run, attempt, ?fields, "{text}"),
        }
    }

    /// The same run, in its next attempt.
    pub(crate) fn in_attempt(&self, attempt: u32, cancel: &Cancel) -> Self {
        Self { told: Arc::clone(&self.told), attempt, cancel: cancel.of_attempt() }
    }

    /// What ends this attempt, by its timeout too.
    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Notes that its handler begins.
    pub(crate) fn begin(&self) {
        let mut state = self.state();
        state.began_at = Some(self.told.clock.now());
        // So that whoever looks sees who runs it, if it goes on for long enough to be reported.
        state.has_news = true;
    }

    pub(crate) fn keep_result(&self, result: Option<Arc<str>>) {
        self.state().result = result;
    }

    /// What is to be told, and whether there is news in it. It is told again until [`Run::heard`] takes it away: a line that
    /// comes twice is known by its id.
    pub(crate) fn report(&self, end: Option<RunEnd>) -> (Report, bool) {
        let mut state = self.state();
        let is_known = state.was_told;
        state.was_told |= end.is_none() && state.has_news;
        let took = state.began_at.map(|began_at| self.told.clock.now().since(began_at));
        let (progress, lines) = (state.progress, state.lines.clone());
        let (tenant, run, worker) = (self.tenant().clone(), self.id(), self.told.worker);
        (Report { tenant, run, worker, took, progress, lines, is_known, end }, state.has_news)
    }

    /// What is told of a good end, unless its result is larger than what is kept.
    pub(crate) fn success(&self, size_max_bytes: usize) -> Result<Report, Error> {
        let result = self.state().result.clone();
        if let Some(result) = result.as_ref().filter(|result| result.len() > size_max_bytes) {
            let (job, size) = (self.job(), result.len());
            let message = format!("job `{job}` returned {size} bytes, at most {size_max_bytes} are kept");
            return Err(Error::new(Code::BODY_TOO_LARGE, message));
        }
        Ok(self.report(Some(RunEnd::succeeded(self.attempt, result))).0)
    }

    /// These lines are in the history.
    pub(crate) fn heard(&self, report: &Report) {
        let mut state = self.state();
        state.lines.drain(..report.lines.len());
        state.has_news = !state.lines.is_empty() || state.progress != report.progress;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.told.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cuts a text to what a line may hold, at the end of a character.
fn cut(text: &mut String) {
    if text.len() > Run::TEXT_MAX_BYTES {
        let end = text.floor_char_boundary(Run::TEXT_MAX_BYTES - '…'.len_utf8());
        text.truncate(end);
        text.push('…');
    }
    if text.contains('\0') {
        // The one character that PostgreSQL does not store.
        *text = text.replace('\0', "␀");
    }
}

impl<S> FromDelivery<S> for Run {
    const USES_RUN: bool = true;

    fn from_delivery(context: &Context, _: &S) -> Result<Self, Failure> {
        context.run.clone().ok_or_else(|| {
            let message = format!("`{}` is no job, and its handler asks for its `Run`", context.delivery.envelope.name);
            Failure::coded(Verdict::DeadLetter, Error::new(Code::JOB_MISPLACED, message))
        })
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (job, id) = (self.job(), self.id());
        f.debug_struct("Run").field("job", &job).field("id", &id).field("attempt", &self.attempt).finish()
    }
}
