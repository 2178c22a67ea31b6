//! Schedules: declared, fired, changed, listed. What becomes of one is decided by `wharf::ports::StoredSchedule`.

use std::{collections::HashMap, sync::Arc};

use sqlx::{SqliteConnection, sqlite::SqliteRow};
use wharf::{
    Error, Misfire, Outgoing, Schedule, StoredSchedule, Tenant, Timestamp,
    ports::{ScheduleChange, Tick, Ticked, Wakeups},
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

/// See [`Store::fire_schedule`](wharf::ports::Store::fire_schedule).
pub(crate) async fn fire(
    engine: &Sqlite,
    tenant: &Tenant,
    name: &str,
    outgoing: &[Outgoing],
) -> Result<Option<Ticked>, Error> {
    let tick = Tick { tenant: tenant.clone(), name: Arc::from(name), outgoing: outgoing.to_vec() };
    let ticked = fire_together(engine, &[tick]).await?;
    Ok(ticked.into_iter().next().flatten())
}

/// See [`Store::fire_schedules`](wharf::ports::Store::fire_schedules). The one writer keeps others away meanwhile.
pub(crate) async fn fire_together(engine: &Sqlite, ticks: &[Tick]) -> Result<Vec<Option<Ticked>>, Error> {
    // A look from outside first: mostly none is due, or another was faster, and the writer is left alone.
    let mut answers = look(engine, ticks).await?;
    let now = engine.now();
    let is_due = |ticked: &Option<Ticked>| ticked.and_then(|ticked| ticked.next_due).is_some_and(|due| due <= now);
    let due: Vec<usize> = (0..ticks.len()).filter(|nth| is_due(&answers[*nth])).collect();
    if due.is_empty() {
        return Ok(answers);
    }
    let mut turn = engine.writer().turn().await?;
    let now = engine.now();
    let mut known = find(turn.connection()?, due.iter().map(|nth| &ticks[*nth])).await?;
    let (mut moved, mut sent) = (Vec::new(), Vec::new());
    for nth in due {
        let Tick { tenant, name, outgoing } = &ticks[nth];
        let Some(mut stored) = known.remove(&(tenant.clone(), Arc::clone(name))) else {
            answers[nth] = None;
            continue;
        };
        let before = stored.next_at;
        let (mut ticked, sends) = stored.fire(now, outgoing)?;
        let (unique, plain): (Vec<_>, Vec<_>) = sends.into_iter().partition(|one| one.unique.is_some());
        if !unique.is_empty() {
            let ran = deliveries::send(Script::new(), &unique, now)?.run(turn.connection()?).await;
            let ran = ran.map_err(|error| failed(FIRING, error))?;
            let kept: u64 = ran.iter().map(|ran| ran.changed).sum();
            ticked.skipped = (unique.len() as u64).saturating_sub(kept);
            stored.skip(ticked.skipped);
        }
        moved.extend((stored.next_at != before).then_some(stored));
        sent.push((unique, plain));
        answers[nth] = Some(ticked);
    }
    if moved.is_empty() {
        turn.undo().await;
        return Ok(answers);
    }
    let (unique, plain): (Vec<_>, Vec<_>) = sent.into_iter().unzip();
    let (unique, plain) = (unique.concat(), plain.concat());
    let script =
        Script::new().write_exactly(moved.len(), MOVE_ON).bind(json(&moved.iter().map(moving).collect::<Vec<_>>())?);
    let script = deliveries::send(script, &plain, now)?;
    turn.end(FIRING, script, deliveries::bells(unique.iter().chain(&plain))).await?.committed()?;
    Ok(answers)
}

const FIRING: &str = "fire schedules";

/// When each is due, of those that there are.
async fn look(engine: &Sqlite, ticks: &[Tick]) -> Result<Vec<Option<Ticked>>, Error> {
    let mut answers = vec![None; ticks.len()];
    let rows = sqlx::query(NEXT_AT).bind(ids(ticks.iter())?).fetch_all(engine.read_pool()).await;
    for row in rows.map_err(|error| failed(FIRING, error))? {
        let next_due = column::<Option<i64>>(&row, 1)?.map(Timestamp::from_micros);
        if let Some(answer) = usize::try_from(column::<i64>(&row, 0)?).ok().and_then(|nth| answers.get_mut(nth)) {
            *answer = Some(Ticked { next_due, ..Ticked::default() });
        }
    }
    Ok(answers)
}

/// Tenants and names, as [`NEXT_AT`] and [`FIND`] read them.
fn ids<'a>(ticks: impl Iterator<Item = &'a Tick>) -> Result<String, Error> {
    json(&ticks.map(|tick| (&tick.tenant, &*tick.name)).collect::<Vec<_>>())
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
    let meant = Tick { tenant: tenant.clone(), name: Arc::from(name), outgoing: Vec::new() };
    let Some(stored) = find(turn.connection()?, [&meant].into_iter()).await?.into_values().next() else {
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

const NEXT_AT: &str = "
SELECT asked.key, s.next_at FROM json_each(?) AS asked
CROSS JOIN wharf_schedules AS s ON s.tenant = asked.value ->> 0 AND s.name = asked.value ->> 1";

const FIND: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM wharf_schedules WHERE (tenant, name) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))"
);

async fn find(
    connection: &mut SqliteConnection,
    ticks: impl Iterator<Item = &Tick>,
) -> Result<HashMap<(Tenant, Arc<str>), StoredSchedule>, Error> {
    let ran = Script::new().read(FIND).bind(ids(ticks)?).run(connection).await;
    let ran = ran.map_err(|error| failed("read schedules", error))?;
    let found = ran.iter().flat_map(|ran| &ran.rows).map(stored);
    found.map(|stored| stored.map(|stored| ((stored.tenant.clone(), Arc::clone(&stored.name)), stored))).collect()
}

/// What firing changes, as [`moving`] tells it.
const MOVE_ON: &str = "
UPDATE wharf_schedules AS s
SET next_at = moved.value ->> 2, last_at = moved.value ->> 3, missed = moved.value ->> 4, skipped = moved.value ->> 5
FROM json_each(?) AS moved WHERE s.tenant = moved.value ->> 0 AND s.name = moved.value ->> 1";

fn moving(stored: &StoredSchedule) -> impl serde::Serialize + '_ {
    let StoredSchedule { tenant, name, next_at, last_at, missed, skipped, .. } = stored;
    (tenant, &**name, next_at, last_at, number(*missed), number(*skipped))
}

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
