//! Deletes what was kept long enough.

use wharf::{Error, RunStatus, micros, ports::Retention};

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
        RETURNING 1),
    runs AS (
        DELETE FROM wharf.runs WHERE (tenant, id) IN (
            SELECT old.tenant, old.id
            FROM unnest($4::text[], $5::bigint[]) AS kept(status, for_so_long)
            CROSS JOIN LATERAL (
                SELECT tenant, id FROM wharf.runs r
                WHERE r.status = kept.status AND r.ended_at <= (SELECT now FROM clock) - kept.for_so_long
                ORDER BY r.ended_at LIMIT $3 FOR UPDATE SKIP LOCKED) AS old
            LIMIT $3)
        RETURNING tenant, id),
    lines AS (
        DELETE FROM wharf.run_lines l USING runs r WHERE l.tenant = r.tenant AND l.run = r.id),
    -- What was told while its run was just ending, or by a worker that died before its run was taken up again and ended.
    news AS (
        DELETE FROM wharf.run_news n
        WHERE n.told_at <= (SELECT now FROM clock) - 3600000000
          AND NOT EXISTS (SELECT FROM wharf.deliveries d WHERE d.kind = 'job' AND d.message_id = n.run AND d.tenant = n.tenant))
    SELECT (SELECT count(*) FROM sagas) + (SELECT count(*) FROM schedules) + (SELECT count(*) FROM runs)";

/// See [`Store::prune`](wharf::ports::Store::prune).
pub(crate) async fn prune(engine: &Postgres, retention: &Retention, max: usize) -> Result<u64, Error> {
    let runs =
        RunStatus::ALL.into_iter().filter_map(|status| Some((status.as_str(), micros(retention.of_runs(status)?))));
    let (statuses, kept): (Vec<_>, Vec<_>) = runs.unzip();
    let mut lane = engine.post().take().await?;
    let pruned = sqlx::query_scalar(PRUNE)
        .bind(micros(retention.finished_sagas))
        .bind(micros(retention.forsaken_schedules))
        .bind(i64::try_from(max).unwrap_or(i64::MAX))
        .bind(statuses)
        .bind(kept)
        .fetch_one(&mut *lane)
        .await;
    let pruned: i64 = lane.done(pruned).await.map_err(|error| failed("prune", error))?;
    if pruned > 0 {
        engine.committed([]);
    }
    Ok(pruned.unsigned_abs())
}
