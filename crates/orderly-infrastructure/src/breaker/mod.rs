//! Who does not answer is left in peace for a while, and asked again by one caller at a time until it answers.
//!
//! A carrier alone is only watched, so that health can tell of its silence.
//!
//! It stands around the port and not around the endpoint (docs/adr/0030): a handler that puts a lost call on record has
//! succeeded, and what needs nobody's answer goes on meanwhile.

mod carrier;
mod gateway;
mod stockroom;

pub use carrier::WatchedCarrier;
pub use gateway::GuardedGateway;
pub use stockroom::GuardedStockroom;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use wharf::{Clock, Timestamp};

/// So many calls in a row without an answer, and it counts as away.
const UNANSWERED_MAX: u32 = 5;
/// How long nobody calls then, but for the one who finds out whether it answers again.
const REST: Duration = Duration::from_secs(60);

/// Keeps account of one who is called by many. Each process has its own.
pub(crate) struct Breaker {
    /// Who is called, as logs name it.
    name: &'static str,
    clock: Arc<dyn Clock>,
    account: Mutex<Account>,
}

#[derive(Debug, Clone, Copy)]
struct Account {
    /// Calls in a row without an answer.
    unanswered: u32,
    /// Until then nobody calls.
    rests_until: Timestamp,
}

impl Breaker {
    pub(crate) fn new(name: &'static str, clock: Arc<dyn Clock>) -> Self {
        let account = Account { unanswered: 0, rests_until: clock.now() };
        Self { name, clock, account: Mutex::new(account) }
    }

    /// How long not to call. `None` says to call now; after a rest only the first who asks is told so, and the others wait
    /// for what becomes of that.
    pub(crate) fn wait(&self) -> Option<Duration> {
        let now = self.clock.now();
        let mut account = self.account();
        if account.unanswered < UNANSWERED_MAX {
            return None;
        }
        if now < account.rests_until {
            return Some(account.rests_until.since(now));
        }
        account.rests_until = now + REST;
        None
    }

    /// Whether it is left in peace.
    pub(crate) fn is_open(&self) -> bool {
        self.account().unanswered >= UNANSWERED_MAX
    }

    /// What became of a call.
    pub(crate) fn note(&self, is_answered: bool) {
        let now = self.clock.now();
        let mut account = self.account();
        if is_answered {
            if account.unanswered >= UNANSWERED_MAX {
                tracing::info!(name = self.name, "it answers again");
            }
            account.unanswered = 0;
            return;
        }
        account.unanswered = account.unanswered.saturating_add(1);
        if account.unanswered >= UNANSWERED_MAX {
            account.rests_until = now + REST;
        }
        if account.unanswered == UNANSWERED_MAX {
            tracing::error!(name = self.name, calls = UNANSWERED_MAX, "it does not answer, and is left in peace");
        }
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        // Nothing that panics happens while it is held.
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker").field("name", &self.name).field("account", &*self.account()).finish_non_exhaustive()
    }
}
