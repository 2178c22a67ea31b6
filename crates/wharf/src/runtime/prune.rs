//! Deletes what was kept long enough.

use std::time::Duration;

use super::Runtime;
use crate::{Error, Limits, ports::Engine};

/// The name under which it gives signs of life.
pub(crate) const PRUNE: &str = "wharf.prune";
/// How often it looks.
pub(crate) const PRUNE_EVERY: Duration = Duration::from_secs(600);

/// What one commit deleted.
pub(crate) struct Pruned {
    pub(crate) rows: u64,
    /// Whether there is nothing more.
    pub(crate) is_last: bool,
}

/// Looks now and then, and deletes in batches, each a commit of its own, for as long as there is anything to delete.
pub(crate) async fn prune(runtime: Runtime) -> Result<(), Error> {
    let (clock, limits) = (&runtime.post.clock, &runtime.limits);
    loop {
        let mut pruned = 0;
        loop {
            let batch = prune_once(&*runtime.engine, limits).await?;
            pruned += batch.rows;
            if batch.is_last {
                break;
            }
        }
        if pruned > 0 {
            tracing::info!(pruned, "deleted what was kept long enough");
        }
        runtime.vitals.look(PRUNE, clock.now(), PRUNE_EVERY);
        clock.sleep_until(clock.now() + PRUNE_EVERY).await;
    }
}

/// Deletes a batch in one commit.
pub(crate) async fn prune_once(engine: &dyn Engine, limits: &Limits) -> Result<Pruned, Error> {
    let rows = engine.prune(&limits.retention(), limits.prune_batch_max_rows).await?;
    Ok(Pruned { rows, is_last: rows < limits.prune_batch_max_rows as u64 })
}
