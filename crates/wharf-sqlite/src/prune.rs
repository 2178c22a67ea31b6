//! Deletes what was kept long enough.

use wharf::{Error, RunStatus, ports::Retention};

use crate::{
    deliveries::json,
    engine::Sqlite,
    error::failed,
    script::{Ran, Script},
};

/// See [`Store::prune`](wharf::ports::Store::prune).
pub(crate) async fn prune(engine: &Sqlite, retention: &Retention, max: usize) -> Result<u64, Error> {
    const DOING: &str = "prune";
    let now = engine.now();
    let finished_until = (now - retention.finished_sagas).as_micros();
    let forsaken_until = (now - retention.forsaken_schedules).as_micros();
    // A look from outside first: mostly nothing is old enough, and the writer is left alone.
    let runs = RunStatus::ALL.into_iter().filter_map(|status| Some((status, now - retention.of_runs(status)?)));
    let runs = json(&runs.collect::<Vec<_>>())?;
    let any = sqlx::query_scalar(ANY).bind(finished_until).bind(forsaken_until).bind(&runs);
    let any = any.fetch_one(engine.read_pool()).await;
    let any: bool = any.map_err(|error| failed(DOING, error))?;
    if !any {
        return Ok(0);
    }
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let script = Script::new().write(SAGAS).bind(finished_until).bind(max);
    let script = script.write(SCHEDULES).bind(forsaken_until).bind(max);
    let script = script.write(LINES).bind(runs.clone()).bind(max).write(RUNS).bind(runs).bind(max);
    let ran = engine.writer().run(DOING, script, Vec::new()).await?.committed()?;
    // Lines go with their run and are not counted: how many there are says nothing of what is left.
    Ok([0, 1, 3].into_iter().filter_map(|nth| ran.get(nth)).map(|ran: &Ran| ran.changed).sum())
}

const ANY: &str = "
SELECT EXISTS (SELECT 1 FROM wharf_sagas WHERE finished_at <= ?)
    OR EXISTS (SELECT 1 FROM wharf_schedules WHERE paused_at IS NULL AND coalesce(next_at, last_at, changed_at) <= ?)
    OR EXISTS (SELECT 1 FROM json_each(?) AS kept CROSS JOIN wharf_runs AS r
               WHERE r.status = kept.value ->> 0 AND r.ended_at <= kept.value ->> 1)";

/// The runs that were kept long enough: of each status those that ended before its moment. In no order that is asked for, so
/// that it stops at the last it takes; two statements in one turn take the same.
macro_rules! old_runs {
    () => {
        "(SELECT r.tenant, r.id FROM json_each(?) AS kept CROSS JOIN wharf_runs AS r
          WHERE r.status = kept.value ->> 0 AND r.ended_at <= kept.value ->> 1
          LIMIT ?)"
    };
}

const RUNS: &str = concat!("DELETE FROM wharf_runs WHERE (tenant, id) IN ", old_runs!());

const LINES: &str = concat!("DELETE FROM wharf_run_lines WHERE (tenant, run) IN ", old_runs!());

const SAGAS: &str = "
DELETE FROM wharf_sagas WHERE (tenant, saga, key) IN (
    SELECT tenant, saga, key FROM wharf_sagas WHERE finished_at <= ? ORDER BY finished_at LIMIT ?)";

const SCHEDULES: &str = "
DELETE FROM wharf_schedules WHERE (tenant, name) IN (
    SELECT tenant, name FROM wharf_schedules
    WHERE paused_at IS NULL AND coalesce(next_at, last_at, changed_at) <= ? LIMIT ?)";
