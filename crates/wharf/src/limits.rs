//! Every limit in one place, each with its unit last in its name.

use std::time::Duration;

use crate::{Code, Error, ports::Retention};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Bounds of a worker. The defaults suit most; a wrong value is refused at start.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// The largest body a message may have.
    pub body_size_max_bytes: usize,
    /// How long a claim holds without being renewed. Renewed at a third of it.
    pub lease: Duration,
    /// How long handlers may go on after a stop was asked for.
    pub shutdown_deadline: Duration,
    /// How long an idle endpoint waits for a wake-up before it looks by itself.
    pub fallback_poll: Duration,
    /// How long a delivery may wait for the layers of its endpoint to let it pass. Then it goes back to the queue for a
    /// second, which costs no attempt. A stop waits as long, so keep it short.
    pub layer_wait: Duration,
    /// How long a message of an unknown name or version, or an event of a saga instance that this code cannot read, is
    /// tried again, for rolling deploys. So long, too, after its retries, is an event of an instance that does not exist:
    /// the event that starts it may still be held by a worker that crashed.
    pub unknown_message_grace: Duration,
    /// How often a delivery may be lost while it is claimed alone. At this many crashes it is dead-lettered unrun.
    pub crashes_max: u32,
    /// How often a worker tells other processes that it is alive. It is believed to be until
    /// [`HEARTBEATS_MISSED_MAX`](Limits::HEARTBEATS_MISSED_MAX) times as long has passed without a word.
    pub heartbeat_every: Duration,
    /// Timers turned into deliveries in one transaction.
    pub timer_batch_max_rows: usize,
    /// Deliveries claimed in one statement. An endpoint whose prefetch is larger claims again.
    pub claim_batch_max_rows: usize,
    /// Deliveries settled in one statement.
    pub settle_batch_max_rows: usize,
    /// Messages given to the dead letters in one transaction, when their subscription is retired.
    pub retire_batch_max_rows: usize,
    /// Rows of a kind deleted in one transaction, once they were kept long enough.
    pub prune_batch_max_rows: usize,
    /// How long a finished saga stays as a tombstone, so that late events are still decided.
    pub finished_saga_retention: Duration,
    /// How long a schedule is remembered that no running worker has any more.
    pub forsaken_schedule_retention: Duration,
    /// How long the history keeps a run that succeeded, and what it logged.
    pub succeeded_run_retention: Duration,
    /// How long the history keeps a run that was cancelled.
    pub cancelled_run_retention: Duration,
    /// How long the history keeps a run that failed. Its dead letter stays until somebody sees to it.
    pub failed_run_retention: Duration,
    /// Messages to one destination that a worker relays at once: claimed from the outbox and not yet confirmed by the
    /// transport.
    pub relay_window_max_messages: usize,
    /// Messages put on the transport in one call.
    pub relay_batch_max_messages: usize,
    /// How long the transport may take to confirm what is put on it. Then it counts as not answering.
    pub relay_confirm_timeout: Duration,
    /// How old a message may be, counted from when it was put on the transport, and still be handled. An older one goes
    /// to the dead letters: the inbox might have forgotten that it was handled before.
    pub redelivery_horizon: Duration,
    /// How long the inbox remembers a message after it last ended. Longer than the horizon by what clocks may differ.
    pub inbox_retention: Duration,
    /// Messages the inbox forgets in one transaction.
    pub inbox_prune_max_rows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_size_max_bytes: 256 * 1024,
            lease: Duration::from_secs(30),
            shutdown_deadline: Duration::from_secs(30),
            fallback_poll: Duration::from_secs(1),
            layer_wait: Duration::from_secs(1),
            unknown_message_grace: Duration::from_secs(300),
            crashes_max: 3,
            heartbeat_every: Duration::from_secs(5),
            timer_batch_max_rows: 500,
            claim_batch_max_rows: 500,
            settle_batch_max_rows: 500,
            retire_batch_max_rows: 500,
            prune_batch_max_rows: 500,
            finished_saga_retention: DAY * 30,
            forsaken_schedule_retention: DAY * 30,
            succeeded_run_retention: DAY * 7,
            cancelled_run_retention: DAY * 7,
            failed_run_retention: DAY * 30,
            relay_window_max_messages: 64,
            relay_batch_max_messages: 500,
            relay_confirm_timeout: Duration::from_secs(30),
            redelivery_horizon: DAY * 7,
            inbox_retention: DAY * 8,
            inbox_prune_max_rows: 1_000,
        }
    }
}

impl Limits {
    /// A worker is believed to be alive until so many of its heartbeats are missing.
    pub const HEARTBEATS_MISSED_MAX: u32 = 3;

    pub(crate) fn retention(&self) -> Retention {
        Retention {
            finished_sagas: self.finished_saga_retention,
            forsaken_schedules: self.forsaken_schedule_retention,
            succeeded_runs: self.succeeded_run_retention,
            cancelled_runs: self.cancelled_run_retention,
            failed_runs: self.failed_run_retention,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let refuse = |message: &str| Err(Error::new(Code::LIMIT_INVALID, message));
        if self.lease < Duration::from_millis(100) {
            return refuse("limits.lease: at least 100 ms");
        }
        if self.fallback_poll.is_zero() {
            return refuse("limits.fallback_poll: above zero");
        }
        if self.heartbeat_every < Duration::from_millis(10) {
            return refuse("limits.heartbeat_every: at least 10 ms");
        }
        if self.crashes_max == 0 {
            return refuse("limits.crashes_max: at least 1");
        }
        let batches = [
            self.timer_batch_max_rows,
            self.claim_batch_max_rows,
            self.settle_batch_max_rows,
            self.retire_batch_max_rows,
            self.prune_batch_max_rows,
        ];
        if self.body_size_max_bytes == 0 || batches.contains(&0) {
            return refuse("limits: body_size_max_bytes and the batch sizes must be above zero");
        }
        if self.relay_window_max_messages == 0 || self.relay_batch_max_messages == 0 || self.inbox_prune_max_rows == 0 {
            return refuse(
                "limits: relay_window_max_messages, relay_batch_max_messages, inbox_prune_max_rows: above zero",
            );
        }
        if self.relay_confirm_timeout.is_zero() {
            return refuse("limits.relay_confirm_timeout: above zero");
        }
        if self.inbox_retention <= self.redelivery_horizon {
            return refuse("limits.inbox_retention: longer than redelivery_horizon, or a late copy is handled twice");
        }
        Ok(())
    }
}
