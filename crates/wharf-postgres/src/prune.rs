//! Deletes what was kept long enough.

use wharf::{Error, micros, ports::Retention};

use crate::{Postgres, error::failed};

/// What another process is just deleting is passed over.
const PRUNE: &str = "
    WITH clock AS MATERIALIZED (SELECT wharf.wharf_now() AS now),
    sagas AS (
        DELETE FROM wharf.sagas WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM wharf.sagas WHERE finished_at <= (SELECT now FROM clock) - $1
            ORDER BY finished_at LIMIT $3 FOR UPDATE SKIP LOCKED))
        RETURNING 1),
    schedules AS (
        DELETE FROM wharf.schedules WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM wharf.schedules
            WHERE paused_at IS NULL AND coalesce(next_at, last_at, changed_at) <= (SELECT now FROM clock) - $2
            LIMIT $3 FOR UPDATE SKIP LOCKED))
        RETURNING 1)
    SELECT (SELECT count(*) FROM sagas) + (SELECT count(*) FROM schedules)";

/// See [`Store::prune`](wharf::ports::Store::prune).
pub(crate) async fn prune(engine: &Postgres, retention: &Retention, max: usize) -> Result<u64, Error> {
    let mut lane = engine.post().take().await?;
    let pruned = sqlx::query_scalar(PRUNE)
        .bind(micros(retention.finished_sagas))
        .bind(micros(retention.forsaken_schedules))
        .bind(i64::try_from(max).unwrap_or(i64::MAX))
        .fetch_one(&mut *lane)
        .await;
    let pruned: i64 = lane.done(pruned).await.map_err(|error| failed("prune", error))?;
    if pruned > 0 {
        engine.committed([]);
    }
    Ok(pruned.unsigned_abs())
}
