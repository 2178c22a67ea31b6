//! Every limit in one place, each with its unit last in its name.

use std::time::Duration;

use crate::{Code, Error};

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
    /// tried again, for rolling deploys.
    pub unknown_message_grace: Duration,
    /// How often a delivery may be lost while it is claimed alone. At this many crashes it is dead-lettered unrun.
    pub crashes_max: u32,
    /// Timers turned into deliveries in one transaction.
    pub timer_batch_max_rows: usize,
    /// Deliveries settled in one statement.
    pub settle_batch_max_rows: usize,
    /// Messages given to the dead letters in one transaction, when their subscription is retired.
    pub retire_batch_max_rows: usize,
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
            timer_batch_max_rows: 500,
            settle_batch_max_rows: 500,
            retire_batch_max_rows: 500,
        }
    }
}

impl Limits {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let refuse = |message: &str| Err(Error::new(Code::LIMIT_INVALID, message));
        if self.lease < Duration::from_millis(100) {
            return refuse("limits.lease: at least 100 ms");
        }
        if self.fallback_poll.is_zero() {
            return refuse("limits.fallback_poll: above zero");
        }
        if self.crashes_max == 0 {
            return refuse("limits.crashes_max: at least 1");
        }
        let batches = [self.timer_batch_max_rows, self.settle_batch_max_rows, self.retire_batch_max_rows];
        if self.body_size_max_bytes == 0 || batches.contains(&0) {
            return refuse("limits: body_size_max_bytes and the batch sizes must be above zero");
        }
        Ok(())
    }
}
