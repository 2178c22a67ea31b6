//! Deletes what was kept long enough.

use wharf::{Error, ports::Retention};

use crate::{engine::Sqlite, error::failed, script::Script};

/// See [`Store::prune`](wharf::ports::Store::prune).
pub(crate) async fn prune(engine: &Sqlite, retention: &Retention, max: usize) -> Result<u64, Error> {
    const DOING: &str = "prune";
    let now = engine.now();
    let finished_until = (now - retention.finished_sagas).as_micros();
    let forsaken_until = (now - retention.forsaken_schedules).as_micros();
    // A look from outside first: mostly nothing is old enough, and the writer is left alone.
    let any = sqlx::query_scalar(ANY).bind(finished_until).bind(forsaken_until).fetch_one(engine.read_pool()).await;
    let any: bool = any.map_err(|error| failed(DOING, error))?;
    if !any {
        return Ok(0);
    }
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let script = Script::new().write(SAGAS).bind(finished_until).bind(max);
    let script = script.write(SCHEDULES).bind(forsaken_until).bind(max);
    let ran = engine.writer().run(DOING, script, Vec::new()).await?.committed()?;
    Ok(ran.iter().map(|ran| ran.changed).sum())
}

const ANY: &str = "
SELECT EXISTS (SELECT 1 FROM wharf_sagas WHERE finished_at <= ?)
    OR EXISTS (SELECT 1 FROM wharf_schedules WHERE paused_at IS NULL AND coalesce(next_at, last_at, changed_at) <= ?)";

const SAGAS: &str = "
DELETE FROM wharf_sagas WHERE (tenant, saga, key) IN (
    SELECT tenant, saga, key FROM wharf_sagas WHERE finished_at <= ? ORDER BY finished_at LIMIT ?)";

const SCHEDULES: &str = "
DELETE FROM wharf_schedules WHERE (tenant, name) IN (
    SELECT tenant, name FROM wharf_schedules
    WHERE paused_at IS NULL AND coalesce(next_at, last_at, changed_at) <= ? LIMIT ?)";
