//! Keeps handlers from ending the transaction they work in.
//!
//! A handler works on the writer's own connection, inside a transaction it shares with others. A `COMMIT` of its own would
//! make half-done work durable; a `ROLLBACK`, `INSERT OR ROLLBACK` or `RAISE(ROLLBACK)` would take its neighbours' work
//! away, and what it wrote afterwards would be committed statement by statement. So SQLite's own hooks stand guard:
//! nothing is committed on this connection unless the writer says so, and no transaction ends unnoticed.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sqlx::SqliteConnection;

/// What the hooks of one connection know.
#[derive(Debug, Default, Clone)]
pub(crate) struct Guard(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    /// Whether the writer is committing right now.
    may_commit: AtomicBool,
    /// Whether a transaction ended that the writer did not end.
    lost: AtomicBool,
}

impl Guard {
    /// Puts a guard on this connection.
    pub(crate) async fn on(connection: &mut SqliteConnection) -> Result<Self, sqlx::Error> {
        let guard = Self::default();
        let (commits, rollbacks) = (Arc::clone(&guard.0), Arc::clone(&guard.0));
        let mut handle = connection.lock_handle().await?;
        // Answering `false` turns the commit into a rollback.
        handle.set_commit_hook(move || commits.may_commit.load(Ordering::Acquire));
        handle.set_rollback_hook(move || rollbacks.lost.store(true, Ordering::Release));
        drop(handle);
        Ok(guard)
    }

    /// Lets commits through, or not.
    pub(crate) fn let_commit(&self, may: bool) {
        self.0.may_commit.store(may, Ordering::Release);
    }

    /// Whether a transaction was rolled back on this connection. The writer never does that: it closes the connection.
    pub(crate) fn lost(&self) -> bool {
        self.0.lost.load(Ordering::Acquire)
    }
}
