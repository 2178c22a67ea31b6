//! What the benchmark asks of a database of its own.

use wharf::ports;

use super::verdict::Found;

pub(super) trait Place {
    type Engine: ports::Engine + Clone;

    /// As people call it.
    const NAME: &'static str;

    /// wharf on it, its tables made if need be.
    async fn engine(&self) -> anyhow::Result<Self::Engine>;

    async fn close(&self, engine: Self::Engine);

    /// How many jobs a second the loop takes that anybody would write: a table of jobs, claimed and marked as done by
    /// hundreds, so that each row stays as its history.
    async fn by_hand_per_s(&self, jobs: u64) -> anyhow::Result<f64>;

    /// Writes so many runs that have ended, under a tenant of their own.
    async fn remember(&self, ended: u64) -> anyhow::Result<()>;

    /// Commits so far, of engines that were closed.
    async fn commits(&self) -> anyhow::Result<i64>;

    /// What stands in wharf's tables.
    async fn found(&self) -> anyhow::Result<Found>;

    /// Leaves nothing behind.
    async fn remove(self) -> anyhow::Result<()>;
}
