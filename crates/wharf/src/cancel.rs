//! Being asked to stop, and why.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use tokio_util::sync::CancellationToken;

/// Tells a handler that its work is no longer wanted. Give it to whatever can stop half-way; what ignores it is dropped
/// at its next await.
#[derive(Clone, Default)]
pub struct Cancel {
    token: CancellationToken,
    reason: Arc<OnceLock<CancelReason>>,
    /// Of all attempts, where this is one attempt's.
    above: Arc<OnceLock<CancelReason>>,
}

/// Why a handler was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CancelReason {
    /// The worker stops and its deadline has passed.
    Shutdown,
    /// Another worker took the delivery over.
    LeaseLost,
    /// A person no longer wants the message to be handled: [`Client::cancel`](crate::Client::cancel). It ends as a dead
    /// letter, unless the handler ends well before it is dropped.
    User,
    /// This attempt took longer than its timeout allows. One that is `async` is dropped at the same moment; one that
    /// blocks its thread sees it here.
    Timeout,
}

impl Cancel {
    /// Resolves once the work is no longer wanted.
    pub async fn cancelled(&self) -> CancelReason {
        self.token.cancelled().await;
        self.reason().unwrap_or(CancelReason::Shutdown)
    }

    /// Whether that is so already, and why.
    pub fn reason(&self) -> Option<CancelReason> {
        self.above.get().or_else(|| self.reason.get()).copied()
    }

    /// That of one attempt, which ends with this one's and may end before it.
    pub(crate) fn of_attempt(&self) -> Self {
        Self { token: self.token.child_token(), reason: Arc::default(), above: Arc::clone(&self.reason) }
    }

    pub(crate) fn cancel(&self, reason: CancelReason) {
        let _ = self.reason.set(reason);
        self.token.cancel();
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.reason()).finish()
    }
}
