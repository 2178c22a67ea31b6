//! The port that keeps state: one transaction over deliveries, sagas, timers and the user's own tables.

use std::{any::Any, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    Burial, Cancellation, Declaration, Declared, Ending, History, JobType, Lease, Receipt, Report, Retention, Round,
    SagaFilter, SagaRecord, ScheduleChange, Signals, StoredSchedule, StoredSubscription, Subscription, Tick, Ticked,
};
use crate::{Clock, Code, Envelope, Error, Key, Kind, Outgoing, Priority, Tenant, Timestamp, Trail};

/// Opens transactions and keeps what outlives a delivery.
#[async_trait]
pub trait Store: Any + fmt::Debug + Send + Sync {
    /// Opens a transaction. May wait for a connection or for the one writer.
    async fn begin(&self) -> Result<Box<dyn Transaction>, Error>;

    /// Opens a transaction whose commit is shared with no other, where this engine lets others share theirs.
    async fn begin_alone(&self) -> Result<Box<dyn Transaction>, Error> {
        self.begin().await
    }

    /// Turns up to `max` due timers into deliveries, in one commit.
    async fn fire_timers(&self, max: usize) -> Result<Fired, Error>;

    /// The dead letters that match, oldest first, at most `filter.limit`.
    async fn dead_letters(&self, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, Error>;

    /// Sends matching dead letters round again, as fresh deliveries with one redrive more, that do not expire, each before
    /// all that waits in its turn: to the endpoint they are listed under, or to [`Burial::redrive_to`]. Where the inbox
    /// says of one that it is dead-lettered, the same commit makes it say that it will come again. Idempotent: what was
    /// sent round is no longer there. Returns how many.
    async fn redrive(&self, filter: &DeadLetterFilter) -> Result<u64, Error>;

    /// Hears that somebody has redriven dead letters past the store, by putting their copies back on the transport, each
    /// as the round of its message that is given here. As [`Store::redrive`], in one commit, but for the sending:
    /// the letters are there no more, and where the inbox says dead-lettered it says from then on that they come
    /// again. Nothing happens to a message of which that round has ended.
    async fn redriven(&self, rounds: &[Round]) -> Result<(), Error>;

    /// Deletes matching dead letters. Returns how many.
    async fn discard(&self, filter: &DeadLetterFilter) -> Result<u64, Error>;

    /// How many dead letters there are, counted no further than `max`.
    async fn count_dead_letters(&self, max: u64) -> Result<u64, Error>;

    /// How many transactions the engine may have open at once, and how long one more waits for its turn before it is
    /// refused. `None` when there is one turn at a time, for which everybody waits however long it takes.
    fn transactions(&self) -> Option<Transactions> {
        None
    }

    /// One saga instance, outside any transaction.
    async fn saga(&self, id: &SagaId) -> Result<Option<SagaRow>, Error>;

    /// The saga instances that match, at most `filter.limit`: first those that have not come to their end, the one that has
    /// stood still the longest first; then those that have, the last one first. Looks through all instances for those that
    /// have not, as this is rare and an index would cost every step.
    async fn sagas(&self, filter: &SagaFilter) -> Result<Vec<SagaRecord>, Error>;

    /// Of these rounds, for each: `None` when it has not ended, as far as the inbox remembers; else how the last round
    /// of its message ended.
    async fn endings(&self, rounds: &[Round]) -> Result<Vec<Option<Ending>>, Error>;

    /// Notes that the message of this round is claimed alone, before its handler runs: whoever held it before was lost.
    /// Returns how often it was lost while it was held so: claimed alone, in this round, and not [let
    /// go](Store::let_go) since.
    async fn hold_alone(&self, round: &Round) -> Result<u32, Error>;

    /// Notes that these are not held alone any more: settled, or back on the transport with a word. What was counted
    /// stands until the inbox is pruned.
    async fn let_go(&self, rounds: &[Round]) -> Result<(), Error>;

    /// Forgets up to `max` messages of the inbox of which no round has ended for this long, and as many counts of those
    /// that were not [claimed alone](Store::hold_alone) for as long, in one commit. Returns how many; fewer than `max`
    /// means that none is left.
    async fn prune_inbox(&self, ended_before: Duration, max: usize) -> Result<u64, Error>;

    /// Writes down, in one commit, all that a process consumes and schedules, and lets it take the place of what it
    /// replaces; unless
    /// [`Declaration::problems`] finds it contradicting what stands in the table, which it reads under a lock: of two
    /// processes that declare at once the second sees what the first has written. Rings the bell
    /// [`Wakeups::ROUTES`](super::Wakeups::ROUTES).
    async fn declare(&self, declaration: &Declaration) -> Result<Declared, Error>;

    /// Every job that was ever announced in a [`Declaration`], by name, as its newest version was announced last.
    async fn job_types(&self) -> Result<Vec<JobType>, Error>;

    /// Every subscription, by message and endpoint.
    async fn subscriptions(&self) -> Result<Vec<StoredSubscription>, Error>;

    /// Notes that these subscriptions are still in use. Those that are no longer there stay away.
    async fn confirm(&self, subscriptions: &[Subscription]) -> Result<(), Error>;

    /// Deletes a subscription and gives up to `max` of the messages that wait for it to the dead
    /// letters, in one commit. What nobody works on waits: it is not held, or its lease has run out. Returns how many; fewer than `max` means that none is left. Rings the bell
    /// [`Wakeups::ROUTES`](super::Wakeups::ROUTES).
    async fn retire(&self, endpoint: &str, message: &str, max: usize) -> Result<u64, Error>;

    /// Gives to the dead letters, with `W0070` and in one commit, the deliveries of a message on which nobody works: they are
    /// not held, or their lease has run out. That of a job goes to its history instead, as cancelled. Returns how many. Looks through all that waits, as this is rare and an index
    /// would cost every message.
    async fn cancel(&self, cancellation: &Cancellation) -> Result<u64, Error>;

    /// If this schedule is due, moves it on and sends what [`StoredSchedule::fire`] makes of `outgoing`, in one commit. The
    /// update of its row is the fence: of several who try at once one finds it due. One that another is just firing is
    /// passed over. `None` when there is no such schedule.
    async fn fire_schedule(&self, tenant: &Tenant, name: &str, outgoing: &[Outgoing]) -> Result<Option<Ticked>, Error>;

    /// The same for several, in one commit where the engine can, and each of them once. The answers stand in their order.
    /// Where one cannot be fired, it may be that none is, and its error is the answer to all: then they are fired one by one.
    async fn fire_schedules(&self, ticks: &[Tick]) -> Result<Vec<Option<Ticked>>, Error> {
        let mut ticked = Vec::with_capacity(ticks.len());
        for Tick { tenant, name, outgoing } in ticks {
            ticked.push(self.fire_schedule(tenant, name, outgoing).await?);
        }
        Ok(ticked)
    }

    /// Writes down what becomes of a schedule when somebody [changes](StoredSchedule::changed) it, and rings its
    /// [bell](super::Wakeups::schedule). `None` when there is no such schedule.
    async fn change_schedule(
        &self,
        tenant: &Tenant,
        name: &str,
        change: &ScheduleChange,
        who: &str,
    ) -> Result<Option<StoredSchedule>, Error>;

    /// Every schedule, by tenant and name.
    async fn schedules(&self) -> Result<Vec<StoredSchedule>, Error>;

    /// Deletes what was kept long enough, up to `max` rows of each kind, in one commit. Returns how many; fewer than
    /// `max` means that nothing is left to delete.
    async fn prune(&self, retention: &Retention, max: usize) -> Result<u64, Error>;

    /// Whether the database answers.
    async fn ping(&self) -> Result<(), Error>;

    /// What carries heartbeats and cancellations between the processes that this store is for.
    fn signals(&self) -> Arc<dyn Signals>;

    /// What keeps the history of jobs.
    fn history(&self) -> Arc<dyn History>;

    /// The clock this store lives by.
    fn clock(&self) -> Arc<dyn Clock>;

    /// Tests wind time with this. An engine whose time is the [`Clock`]'s has nothing to do; one whose database keeps
    /// time tells the database.
    #[cfg(feature = "testing")]
    async fn wind_to(&self, _now: Timestamp) -> Result<(), Error> {
        Ok(())
    }
}

/// How many transactions an engine has to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transactions {
    /// Open at once.
    pub open_max: usize,
    /// How long one more waits for another to end.
    pub wait_max: Duration,
}

/// An open transaction of an engine. Dropping it rolls back.
#[async_trait]
pub trait Transaction: Send + 'static {
    /// Reads a saga instance and keeps others from it until the end of the transaction.
    async fn saga(&mut self, id: &SagaId) -> Result<Option<SagaRow>, Error>;

    /// Writes a saga instance: inserts it when `row.revision` is 1, else replaces the revision before, and fails with
    /// `W0018` when that is not there. A finished instance loses its timers.
    async fn save_saga(&mut self, row: &SagaRow) -> Result<(), Error>;

    /// Arms a timer, replacing one of the same name.
    async fn arm(&mut self, timer: &TimerArm) -> Result<(), Error>;

    /// Takes a timer back, fired or not. Returns its generation if there was one.
    async fn disarm(&mut self, id: &SagaId, name: &str) -> Result<Option<i64>, Error>;

    /// The generation of a timer, if it is armed or has fired and was not yet handled.
    async fn timer(&mut self, id: &SagaId, name: &str) -> Result<Option<i64>, Error>;

    /// Notes in the inbox that these rounds have ended. For each `true`, or `false` when it had ended before: whoever
    /// hears that must not commit the effects of that round.
    ///
    /// # Errors
    /// `W0025` when the transaction is no longer the one that was begun; then nothing was noted.
    async fn note(&mut self, receipts: &[Receipt]) -> Result<Vec<bool>, Error>;

    /// Adds messages to the dead letters.
    async fn bury(&mut self, burials: &[Burial]) -> Result<(), Error>;

    /// Writes down what the run of a job has to tell, as [`Settlement::report`](super::Settlement::report) does: it stands
    /// once this commits.
    async fn report(&mut self, lease: Lease, report: &Report) -> Result<(), Error>;

    /// Sends, then settles the delivery as its last statement, then commits. `false`, and nothing of it happened, when
    /// the lease was no longer ours. `W0049` when it shared its commit and that was lost.
    async fn settle(self: Box<Self>, lease: Lease, outgoing: &[Outgoing]) -> Result<bool, Error>;

    /// Sends and commits, outside a delivery.
    async fn commit(self: Box<Self>, outgoing: &[Outgoing]) -> Result<(), Error>;

    /// Whether a handler failed only because its transaction is one that shares its commit, as when two groups wait for
    /// each other's rows. It is then run again by itself, and the failure counts for nothing.
    fn is_price_of_sharing(&self, _failure: &(dyn std::error::Error + 'static)) -> bool {
        false
    }

    /// Undoes everything. Returns once the connection is free again.
    async fn rollback(self: Box<Self>) -> Result<(), Error>;

    /// For the engine's extension trait, which finds its own type again.
    fn as_any(&mut self) -> &mut dyn Any;
}

/// Which saga instance.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SagaId {
    /// Whose.
    pub tenant: Tenant,
    /// [`Saga::NAME`](crate::Saga::NAME).
    pub saga: Arc<str>,
    /// The key its events share.
    pub key: Key,
}

/// A saga instance as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SagaRow {
    /// Which instance.
    pub id: SagaId,
    /// Counts its steps, from 1.
    pub revision: i64,
    /// [`Saga::VERSION`](crate::Saga::VERSION) of the code that wrote it.
    pub version: u16,
    /// The state's name, for people and queries.
    pub state_name: String,
    /// The state as JSON.
    pub state: String,
    /// The facts as JSON.
    pub facts: String,
    /// Whether it has come to its end. What arrives afterwards is still decided by the saga.
    pub finished: bool,
}

/// A timer to arm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimerArm {
    /// The instance it belongs to.
    pub saga: SagaId,
    /// Unique within the instance.
    pub name: String,
    /// Tells an old firing from a current one: the saga's revision when it was armed.
    pub generation: i64,
    /// Counted from the commit.
    pub delay: Duration,
    /// Where its firing is delivered.
    pub endpoint: Arc<str>,
    /// Whether its firing takes turns there with the instance's other deliveries.
    pub takes_turns: bool,
    /// The trail of the message that armed it.
    pub trail: Trail,
}

/// What is delivered when a timer fires.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TimerFiring {
    /// The timer's name.
    pub timer: String,
    /// The generation it was armed with.
    pub generation: i64,
}

impl TimerFiring {
    /// The name firings travel under.
    pub const NAME: &'static str = "wharf.timer-fired";

    /// The delivery that a due timer becomes.
    pub fn outgoing(timer: &TimerArm, now: Timestamp) -> Outgoing {
        let firing = Self { timer: timer.name.clone(), generation: timer.generation };
        let envelope = Envelope {
            id: Uuid::now_v7(),
            name: Arc::from(Self::NAME),
            version: 1,
            kind: Kind::Command,
            key: timer.saga.key.clone(),
            tenant: timer.saga.tenant.clone(),
            sent_at: now,
            attempt: 0,
            crashes: 0,
            redrives: 0,
            priority: Priority::Normal,
            expires_at: None,
            trail: timer.trail.clone(),
        };
        let body =
            format!(r#"{{"timer":{},"generation":{}}}"#, serde_json::Value::from(firing.timer), firing.generation);
        let firing = Outgoing::new(Arc::clone(&timer.endpoint), envelope, Arc::from(body));
        if timer.takes_turns { firing.in_turn() } else { firing }
    }
}

/// What [`Store::fire_timers`] did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Fired {
    /// How many became deliveries.
    pub fired: usize,
    /// When the next one is due, if any waits.
    pub next_due: Option<Timestamp>,
}

/// A delivery that was given up, with all that is needed to understand it and to send it round again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its row.
    pub id: i64,
    /// The endpoint it was for.
    pub endpoint: String,
    /// What surrounded the message.
    pub envelope: Envelope,
    /// The body as it came.
    pub body: Arc<str>,
    /// Why it was given up, such as `W0001`.
    pub code: String,
    /// The error and its causes.
    pub reason: String,
    /// When.
    pub died_at: Timestamp,
}

impl DeadLetter {
    /// What the code means, when this version knows it.
    pub fn meaning(&self) -> Option<&'static str> {
        Code::ALL.iter().find(|code| code.to_string() == self.code).map(|code| code.meaning)
    }
}

/// Which dead letters. An empty filter matches all, up to its limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetterFilter {
    /// Only this one.
    pub id: Option<i64>,
    /// Only of this tenant.
    pub tenant: Option<Tenant>,
    /// Only for this endpoint.
    pub endpoint: Option<String>,
    /// Only messages of this name.
    pub name: Option<String>,
    /// Only with this code, such as `W0005`.
    pub code: Option<String>,
    /// Only of this message.
    pub message: Option<Uuid>,
    /// At most this many; `None` is [`DeadLetterFilter::LIMIT_MAX_ROWS`].
    pub limit: Option<u32>,
}

impl DeadLetterFilter {
    /// What one call handles at most.
    pub const LIMIT_MAX_ROWS: u32 = 1_000;

    /// How many rows this filter allows.
    pub fn limit_rows(&self) -> u32 {
        self.limit.unwrap_or(Self::LIMIT_MAX_ROWS).min(Self::LIMIT_MAX_ROWS)
    }
}
