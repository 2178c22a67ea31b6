//! Schedules: declared, fired, listed.

use std::{sync::Arc, time::Duration};

use sqlx::sqlite::SqliteRow;
use wharf::{
    Error, Outgoing, Tenant, Timestamp, micros,
    ports::{Schedule, StoredSchedule, Ticked},
};

use crate::{
    deliveries::{self, column},
    engine::Sqlite,
    error::failed,
    script::Script,
};

/// Adds the statement that declares a schedule, or changes one that was declared before.
pub(crate) fn declare(script: Script, schedule: &Schedule, now: Timestamp) -> Script {
    let Schedule { tenant, name, message, period } = schedule;
    script
        .write(DECLARE)
        .bind(tenant.as_str())
        .bind(&**name)
        .bind(&**message)
        .bind(micros(*period))
        .bind(schedule.first_after(now).as_micros())
}

/// Keeps the next due time, which may lie in the past; a changed period may bring it forward.
const DECLARE: &str = "
INSERT INTO wharf_schedules (tenant, name, message, period, next_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    message = excluded.message,
    next_at = CASE period WHEN excluded.period THEN next_at ELSE min(next_at, excluded.next_at) END,
    period = excluded.period";

/// See [`Store::fire_schedule`](wharf::ports::Store::fire_schedule). The one writer keeps others away meanwhile.
pub(crate) async fn fire(engine: &Sqlite, tenant: &Tenant, name: &str, outgoing: &[Outgoing]) -> Result<Ticked, Error> {
    const DOING: &str = "fire a schedule";
    // A look from outside first: mostly it is not due, or another was faster, and the writer is left alone.
    let next_at = sqlx::query_scalar(NEXT_AT).bind(tenant.as_str()).bind(name).fetch_optional(engine.read_pool()).await;
    let next_at: Option<i64> = next_at.map_err(|error| failed(DOING, error))?;
    let next_due = next_at.map(Timestamp::from_micros);
    if next_due.is_none_or(|due| due > engine.now()) {
        return Ok(Ticked { next_due, ..Ticked::default() });
    }
    let mut turn = engine.writer().turn().await?;
    let find = Script::new().read(FIND).bind(tenant.as_str()).bind(name);
    let ran = find.run(turn.connection()?).await.map_err(|error| failed(DOING, error))?;
    let Some(found) = ran.first().and_then(|found| found.rows.first()) else {
        turn.undo().await;
        return Ok(Ticked::default());
    };
    let (mut stored, now) = (schedule(found)?, engine.now());
    let ticked = stored.fire(now);
    if !ticked.fired {
        turn.undo().await;
        return Ok(ticked);
    }
    let script = Script::new()
        .write_exactly(1, MOVE_ON)
        .bind(stored.next_at.as_micros())
        .bind(now.as_micros())
        .bind(i64::try_from(stored.missed).unwrap_or(i64::MAX))
        .bind(tenant.as_str())
        .bind(name);
    let script = deliveries::send(script, outgoing, now)?;
    turn.end(DOING, script, deliveries::bells(outgoing)).await?.committed()?;
    Ok(ticked)
}

const NEXT_AT: &str = "SELECT next_at FROM wharf_schedules WHERE tenant = ? AND name = ?";

const FIND: &str = "
SELECT tenant, name, message, period, next_at, last_at, missed FROM wharf_schedules WHERE tenant = ? AND name = ?";

const MOVE_ON: &str = "UPDATE wharf_schedules SET next_at = ?, last_at = ?, missed = ? WHERE tenant = ? AND name = ?";

/// See [`Store::schedules`](wharf::ports::Store::schedules).
pub(crate) async fn list(engine: &Sqlite) -> Result<Vec<StoredSchedule>, Error> {
    let rows = sqlx::query(ALL).fetch_all(engine.read_pool()).await;
    rows.map_err(|error| failed("read schedules", error))?.iter().map(schedule).collect()
}

const ALL: &str = "
SELECT tenant, name, message, period, next_at, last_at, missed FROM wharf_schedules ORDER BY tenant, name";

fn schedule(row: &SqliteRow) -> Result<StoredSchedule, Error> {
    let unsigned = |index| column::<i64>(row, index).map(|value| u64::try_from(value).unwrap_or(0));
    let schedule = Schedule {
        tenant: Tenant::new(column(row, 0)?),
        name: Arc::from(column::<&str>(row, 1)?),
        message: Arc::from(column::<&str>(row, 2)?),
        period: Duration::from_micros(unsigned(3)?),
    };
    let last_at: Option<i64> = column(row, 5)?;
    Ok(StoredSchedule {
        schedule,
        next_at: Timestamp::from_micros(column(row, 4)?),
        last_at: last_at.map(Timestamp::from_micros),
        missed: unsigned(6)?,
    })
}
