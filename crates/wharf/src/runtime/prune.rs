//! Deletes what was kept long enough.

use std::time::Duration;

use super::Runtime;
use crate::Error;

/// The name under which it gives signs of life.
pub(crate) const PRUNE: &str = "wharf.prune";
/// How often it looks.
pub(crate) const PRUNE_EVERY: Duration = Duration::from_secs(600);

/// Looks now and then, and deletes in batches, each a commit of its own, for as long as there is anything to delete.
pub(crate) async fn prune(runtime: Runtime) -> Result<(), Error> {
    let (clock, limits) = (&runtime.post.clock, &runtime.limits);
    loop {
        let mut pruned = 0;
        loop {
            let batch = runtime.engine.prune(&limits.retention(), limits.prune_batch_max_rows).await?;
            pruned += batch;
            if batch < limits.prune_batch_max_rows as u64 {
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
