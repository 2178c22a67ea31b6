//! Schedules: declared, fired, changed, listed. What becomes of one is decided by `wharf::ports::StoredSchedule`.

use std::{collections::HashMap, sync::Arc};

use sqlx::{SqliteConnection, sqlite::SqliteRow};
use wharf::{
    Error, Misfire, Outgoing, Schedule, StoredSchedule, Tenant, Timestamp,
    ports::{ScheduleChange, Ticked, Wakeups},
};

use crate::{
    deliveries::{self, column, json},
    engine::Sqlite,
    error::failed,
    script::Script,
    turn::at_once,
};

/// The columns that [`stored`] reads, in its order, and [`write`] binds.
macro_rules! columns {
    () => {
        "tenant, name, message, draft, misfire, declared, times, next_at, last_at, missed, paused_at, version, changed_at,
         changed_by, skipped, paused_because"
    };
}

/// Adds the statements that declare schedules.
pub(crate) async fn declare(
    connection: &mut SqliteConnection,
    mut script: Script,
    schedules: &[Schedule],
    now: Timestamp,
) -> Result<Script, Error> {
    if schedules.is_empty() {
        return Ok(script);
    }
    let ran = Script::new().read(ALL).run(connection).await.map_err(|error| failed("read schedules", error))?;
    let rows = ran.first().map_or(&[][..], |ran| &ran.rows);
    let known = rows.iter().map(stored).collect::<Result<Vec<_>, _>>()?;
    let known: HashMap<_, _> = known.iter().map(|stored| ((&stored.tenant, &stored.name), stored)).collect();
    for schedule in schedules {
        let before = known.get(&(&schedule.tenant, &schedule.name)).copied();
        let declared = StoredSchedule::declared(before, schedule, now);
        if before != Some(&declared) {
            script = write(script, &declared)?;
        }
    }
    Ok(script)
}

/// See [`Store::fire_schedule`](wharf::ports::Store::fire_schedule). The one writer keeps others away meanwhile.
pub(crate) async fn fire(
    engine: &Sqlite,
    tenant: &Tenant,
    name: &str,
    outgoing: &[Outgoing],
) -> Result<Option<Ticked>, Error> {
    const DOING: &str = "fire a schedule";
    // A look from outside first: mostly it is not due, or another was faster, and the writer is left alone.
    let next_at = sqlx::query_scalar(NEXT_AT).bind(tenant.as_str()).bind(name).fetch_optional(engine.read_pool()).await;
    let Some(next_at): Option<Option<i64>> = next_at.map_err(|error| failed(DOING, error))? else { return Ok(None) };
    let next_due = next_at.map(Timestamp::from_micros);
    if next_due.is_none_or(|due| due > engine.now()) {
        return Ok(Some(Ticked { next_due, ..Ticked::default() }));
    }
    let mut turn = engine.writer().turn().await?;
    let Some(mut stored) = find(turn.connection()?, tenant, name).await? else {
        turn.undo().await;
        return Ok(None);
    };
    let (before, now) = (stored.next_at, engine.now());
    let (mut ticked, outgoing) = stored.fire(now, outgoing)?;
    if stored.next_at == before {
        turn.undo().await;
        return Ok(Some(ticked));
    }
    let mut script = deliveries::send(write(Script::new(), &stored)?, &outgoing, now)?;
    let unique = outgoing.iter().filter(|one| one.unique.is_some()).count() as u64;
    if unique > 0 {
        // The statement before it is the one that sends them.
        script = script.write(SKIP).bind(number(unique)).bind(tenant.as_str()).bind(name);
    }
    let ran = turn.end(DOING, script, deliveries::bells(&outgoing)).await?.committed()?;
    if let [.., sent, _] = &ran[..]
        && unique > 0
    {
        ticked.skipped = unique.saturating_sub(sent.changed);
    }
    Ok(Some(ticked))
}

/// See [`Store::change_schedule`](wharf::ports::Store::change_schedule).
pub(crate) async fn change(
    engine: &Sqlite,
    tenant: &Tenant,
    name: &str,
    change: &ScheduleChange,
    who: &str,
) -> Result<Option<StoredSchedule>, Error> {
    let mut turn = engine.writer().turn().await?;
    let Some(stored) = find(turn.connection()?, tenant, name).await? else {
        turn.undo().await;
        return Ok(None);
    };
    let changed = stored.changed(change, who, engine.now())?;
    let (script, bells) = (write(Script::new(), &changed)?, vec![at_once(&Wakeups::schedule(name))]);
    turn.end("change a schedule", script, bells).await?.committed()?;
    Ok(Some(changed))
}

/// See [`Store::schedules`](wharf::ports::Store::schedules).
pub(crate) async fn list(engine: &Sqlite) -> Result<Vec<StoredSchedule>, Error> {
    let rows = sqlx::query(ALL).fetch_all(engine.read_pool()).await;
    rows.map_err(|error| failed("read schedules", error))?.iter().map(stored).collect()
}

const ALL: &str = concat!("SELECT ", columns!(), " FROM wharf_schedules ORDER BY tenant, name");

const NEXT_AT: &str = "SELECT next_at FROM wharf_schedules WHERE tenant = ? AND name = ?";

async fn find(connection: &mut SqliteConnection, tenant: &Tenant, name: &str) -> Result<Option<StoredSchedule>, Error> {
    let find = Script::new().read(FIND).bind(tenant.as_str()).bind(name);
    let ran = find.run(connection).await.map_err(|error| failed("read a schedule", error))?;
    ran.first().and_then(|found| found.rows.first()).map(stored).transpose()
}

/// Counts those of so many that the statement before it did not insert.
const SKIP: &str = "
UPDATE wharf_schedules SET skipped = skipped + (? - changes()) WHERE tenant = ? AND name = ?";

const FIND: &str = concat!("SELECT ", columns!(), " FROM wharf_schedules WHERE tenant = ? AND name = ?");

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn write(script: Script, stored: &StoredSchedule) -> Result<Script, Error> {
    let script = script
        .write_exactly(1, WRITE)
        .bind(stored.tenant.as_str())
        .bind(&*stored.name)
        .bind(&*stored.message)
        .bind(stored.draft.as_ref().map(json).transpose()?)
        .bind(stored.misfire.as_str())
        .bind(&*stored.declared)
        .bind(&*stored.times)
        .bind(stored.next_at.map(Timestamp::as_micros))
        .bind(stored.last_at.map(Timestamp::as_micros))
        .bind(number(stored.missed))
        .bind(stored.paused_at.map(Timestamp::as_micros))
        .bind(number(stored.version))
        .bind(stored.changed_at.as_micros())
        .bind(stored.changed_by.as_deref())
        .bind(number(stored.skipped))
        .bind(stored.paused_because.as_deref());
    Ok(script)
}

const WRITE: &str = concat!(
    "INSERT INTO wharf_schedules (",
    columns!(),
    ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET
        message = excluded.message, draft = excluded.draft, misfire = excluded.misfire, declared = excluded.declared,
        times = excluded.times, next_at = excluded.next_at, last_at = excluded.last_at, missed = excluded.missed,
        paused_at = excluded.paused_at, version = excluded.version, changed_at = excluded.changed_at,
        changed_by = excluded.changed_by, skipped = excluded.skipped, paused_because = excluded.paused_because"
);

/// What a foreign hand wrote is read as well as can be: a draft that is none is not known.
fn stored(row: &SqliteRow) -> Result<StoredSchedule, Error> {
    let text = |index| column::<&str>(row, index);
    let moment = |index| column::<Option<i64>>(row, index).map(|micros| micros.map(Timestamp::from_micros));
    let count = |index| column::<i64>(row, index).map(|value| u64::try_from(value).unwrap_or(0));
    Ok(StoredSchedule {
        tenant: Tenant::new(text(0)?),
        name: Arc::from(text(1)?),
        message: Arc::from(text(2)?),
        draft: column::<Option<&str>>(row, 3)?.and_then(|json| serde_json::from_str(json).ok()),
        misfire: Misfire::from_stored(text(4)?),
        declared: Arc::from(text(5)?),
        times: Arc::from(text(6)?),
        next_at: moment(7)?,
        last_at: moment(8)?,
        missed: count(9)?,
        paused_at: moment(10)?,
        version: count(11)?,
        changed_at: Timestamp::from_micros(column(row, 12)?),
        changed_by: column::<Option<&str>>(row, 13)?.map(Arc::from),
        skipped: count(14)?,
        paused_because: column::<Option<&str>>(row, 15)?.map(Arc::from),
    })
}
