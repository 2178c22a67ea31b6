//! Schedules: declared, fired, changed, listed. What becomes of one is decided by `wharf::ports::StoredSchedule`.

use std::{collections::HashMap, sync::Arc, time::Duration};

use sqlx::{
    Acquire, PgConnection, Postgres as Pg, Row,
    postgres::{PgArguments, PgRow},
    query::Query,
};
use wharf::{
    Error, Misfire, Outgoing, Schedule, StoredSchedule, Tenant, Timestamp,
    ports::{Ring, ScheduleChange, Tick, Ticked, Wakeups},
};

use crate::{
    Postgres,
    error::failed,
    send::{rings, send_plain, send_unique, unique_of},
};

/// The columns that [`read`] reads, in its order, and [`write`] binds.
macro_rules! columns {
    () => {
        "tenant, name, message, draft, misfire, declared, times, next_at, last_at, missed, paused_at, version, changed_at,
         changed_by, skipped, paused_because"
    };
}

/// Which comes after them.
const NOW: usize = 16;

const ALL: &str = concat!("SELECT ", columns!(), " FROM wharf.schedules ORDER BY tenant, name");

/// How long until these are due.
const LOOK: &str = "
    SELECT asked.nth - 1, next_at - (SELECT wharf.wharf_now())
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked(tenant, name, nth)
    JOIN wharf.schedules s ON s.tenant = asked.tenant AND s.name = asked.name";

/// One that another has locked is being fired.
const LOCK_TO_FIRE: &str = concat!(
    "SELECT ",
    columns!(),
    ", (SELECT wharf.wharf_now()) FROM wharf.schedules
     WHERE (tenant, name) IN (SELECT * FROM unnest($1::text[], $2::text[])) FOR UPDATE SKIP LOCKED"
);

/// What firing changes.
const MOVE_ON: &str = "
    UPDATE wharf.schedules s
    SET next_at = moved.next_at, last_at = moved.last_at, missed = moved.missed, skipped = moved.skipped
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
        AS moved(tenant, name, next_at, last_at, missed, skipped)
    WHERE s.tenant = moved.tenant AND s.name = moved.name";

const LOCK_TO_CHANGE: &str = concat!(
    "SELECT ",
    columns!(),
    ", (SELECT wharf.wharf_now()) FROM wharf.schedules WHERE tenant = $1 AND name = $2 FOR UPDATE"
);

/// All that any of these tenants may have under any of these names.
const LOCK_TO_DECLARE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM wharf.schedules WHERE tenant = ANY($1) AND name = ANY($2) ORDER BY tenant, name FOR UPDATE"
);

const WRITE: &str = concat!(
    "INSERT INTO wharf.schedules (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
    ON CONFLICT (tenant, name) DO UPDATE
    SET message = excluded.message, draft = excluded.draft, misfire = excluded.misfire, declared = excluded.declared,
        times = excluded.times, next_at = excluded.next_at, last_at = excluded.last_at, missed = excluded.missed,
        paused_at = excluded.paused_at, version = excluded.version, changed_at = excluded.changed_at,
        changed_by = excluded.changed_by, skipped = excluded.skipped, paused_because = excluded.paused_because"
);

/// Declares schedules, under the lock that lets one process declare at a time.
pub(crate) async fn declare(connection: &mut PgConnection, schedules: &[Schedule]) -> Result<(), sqlx::Error> {
    if schedules.is_empty() {
        return Ok(());
    }
    let now = sqlx::query_scalar("SELECT wharf.wharf_now()").fetch_one(&mut *connection).await?;
    let known = sqlx::query(LOCK_TO_DECLARE)
        .bind(schedules.iter().map(|one| one.tenant.as_str()).collect::<Vec<_>>())
        .bind(schedules.iter().map(|one| &*one.name).collect::<Vec<_>>())
        .fetch_all(&mut *connection)
        .await?;
    let known = known.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let known: HashMap<_, _> = known.iter().map(|stored| ((&stored.tenant, &stored.name), stored)).collect();
    for schedule in schedules {
        let before = known.get(&(&schedule.tenant, &schedule.name)).copied();
        let declared = StoredSchedule::declared(before, schedule, Timestamp::from_micros(now));
        if before != Some(&declared) {
            write(connection, &declared).await?;
        }
    }
    Ok(())
}

/// See [`Store::fire_schedule`](wharf::ports::Store::fire_schedule).
pub(crate) async fn fire(
    engine: &Postgres,
    tenant: &Tenant,
    name: &str,
    outgoing: &[Outgoing],
) -> Result<Option<Ticked>, Error> {
    let tick = Tick { tenant: tenant.clone(), name: Arc::from(name), outgoing: outgoing.to_vec() };
    let ticked = fire_together(engine, &[tick]).await?;
    Ok(ticked.into_iter().next().flatten())
}

/// See [`Store::fire_schedules`](wharf::ports::Store::fire_schedules).
pub(crate) async fn fire_together(engine: &Postgres, ticks: &[Tick]) -> Result<Vec<Option<Ticked>>, Error> {
    let what = |error| failed("fire schedules", error);
    // Before the database reads its own: it may be looked at a little early then, and never late.
    let asked_at = engine.clock().now();
    // A span of the database's time, counted from our own: the two clocks need not agree.
    let due_in = |span: i64| asked_at + Duration::from_micros(u64::try_from(span).unwrap_or(0));
    // Half-way through, an error closes the connection, and what was begun goes with it.
    let mut lane = engine.post().take().await?;
    let mut answers = vec![None; ticks.len()];
    let mut due = Vec::new();
    for (nth, next) in look(&mut lane, ticks).await.map_err(what)?.into_iter().enumerate() {
        let Some(next) = next else { continue };
        answers[nth] = Some(Ticked { next_due: next.map(due_in), ..Ticked::default() });
        due.extend((next.is_some_and(|next| next <= 0)).then_some(nth));
    }
    let mut sent = Vec::new();
    if !due.is_empty() {
        let mut transaction = lane.begin().await.map_err(what)?;
        let mut locked = lock(&mut transaction, due.iter().map(|nth| &ticks[*nth])).await.map_err(what)?;
        let mut moved = Vec::new();
        for nth in due {
            let Tick { tenant, name, outgoing } = &ticks[nth];
            let Some((mut stored, now)) = locked.remove(&(tenant.clone(), Arc::clone(name))) else { continue };
            let before = stored.next_at;
            let (mut ticked, sends) = stored.fire(Timestamp::from_micros(now), outgoing)?;
            ticked.next_due = stored.next_at.map(|next| due_in(next.as_micros().saturating_sub(now)));
            ticked.skipped = send_unique(&mut transaction, &unique_of(&sends), false).await.map_err(what)?;
            stored.skip(ticked.skipped);
            sent.extend(sends);
            moved.extend((stored.next_at != before).then_some(stored));
            answers[nth] = Some(ticked);
        }
        send_plain(&mut transaction, &sent).await.map_err(what)?;
        move_on(&mut transaction, &moved).await.map_err(what)?;
        transaction.commit().await.map_err(what)?;
    }
    lane.finish().await.map_err(what)?;
    if !sent.is_empty() {
        engine.committed(rings(&sent));
    }
    Ok(answers)
}

/// How long it is until each is due, where there is such a schedule, and where it is ever due.
async fn look(connection: &mut PgConnection, ticks: &[Tick]) -> Result<Vec<Option<Option<i64>>>, sqlx::Error> {
    let mut next = vec![None; ticks.len()];
    for row in bind_ids(sqlx::query(LOOK), ticks.iter()).fetch_all(connection).await? {
        if let Some(next) = usize::try_from(row.try_get::<i64, _>(0)?).ok().and_then(|nth| next.get_mut(nth)) {
            *next = Some(row.try_get(1)?);
        }
    }
    Ok(next)
}

/// Those that nobody else is firing, and what time it is.
async fn lock(
    connection: &mut PgConnection,
    ticks: impl Iterator<Item = &Tick> + Clone,
) -> Result<HashMap<(Tenant, Arc<str>), (StoredSchedule, i64)>, sqlx::Error> {
    let rows = bind_ids(sqlx::query(LOCK_TO_FIRE), ticks).fetch_all(connection).await?;
    let read = |row: &PgRow| {
        let stored = read(row)?;
        Ok(((stored.tenant.clone(), Arc::clone(&stored.name)), (stored, row.try_get(NOW)?)))
    };
    rows.iter().map(read).collect()
}

/// Binds the schedules' tenants and names as the statement's next two parameters.
fn bind_ids<'q, 't>(
    query: Query<'q, Pg, PgArguments>,
    ticks: impl Iterator<Item = &'t Tick> + Clone,
) -> Query<'q, Pg, PgArguments> {
    query
        .bind(ticks.clone().map(|tick| tick.tenant.as_str()).collect::<Vec<_>>())
        .bind(ticks.map(|tick| &*tick.name).collect::<Vec<_>>())
}

async fn move_on(connection: &mut PgConnection, moved: &[StoredSchedule]) -> Result<(), sqlx::Error> {
    let each = |moment: fn(&StoredSchedule) -> Option<Timestamp>| -> Vec<_> {
        moved.iter().map(|stored| moment(stored).map(Timestamp::as_micros)).collect()
    };
    sqlx::query(MOVE_ON)
        .bind(moved.iter().map(|stored| stored.tenant.as_str()).collect::<Vec<_>>())
        .bind(moved.iter().map(|stored| &*stored.name).collect::<Vec<_>>())
        .bind(each(|stored| stored.next_at))
        .bind(each(|stored| stored.last_at))
        .bind(moved.iter().map(|stored| number(stored.missed)).collect::<Vec<_>>())
        .bind(moved.iter().map(|stored| number(stored.skipped)).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

/// See [`Store::change_schedule`](wharf::ports::Store::change_schedule).
pub(crate) async fn change(
    engine: &Postgres,
    tenant: &Tenant,
    name: &str,
    change: &ScheduleChange,
    who: &str,
) -> Result<Option<StoredSchedule>, Error> {
    let what = |error| failed("change a schedule", error);
    let mut lane = engine.post().take().await?;
    let mut transaction = lane.begin().await.map_err(what)?;
    let found = sqlx::query(LOCK_TO_CHANGE).bind(tenant.as_str()).bind(name).fetch_optional(&mut *transaction).await;
    let mut changed = None;
    if let Some(row) = found.map_err(what)? {
        let (stored, now) = (read(&row).map_err(what)?, row.try_get(NOW).map_err(what)?);
        let after = stored.changed(change, who, Timestamp::from_micros(now))?;
        write(&mut transaction, &after).await.map_err(what)?;
        changed = Some(after);
    }
    transaction.commit().await.map_err(what)?;
    lane.finish().await.map_err(what)?;
    engine.committed([Ring::from(&*Wakeups::schedule(name))]);
    Ok(changed)
}

/// See [`Store::schedules`](wharf::ports::Store::schedules).
pub(crate) async fn list(engine: &Postgres) -> Result<Vec<StoredSchedule>, Error> {
    let rows = sqlx::query(ALL).fetch_all(engine.pool()).await;
    let schedules = rows.and_then(|rows| rows.iter().map(read).collect());
    schedules.map_err(|error| failed("read schedules", error))
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

async fn write(connection: &mut PgConnection, stored: &StoredSchedule) -> Result<(), sqlx::Error> {
    let draft = stored.draft.as_ref().map(serde_json::to_string).transpose();
    let write = sqlx::query(WRITE)
        .bind(stored.tenant.as_str())
        .bind(&*stored.name)
        .bind(&*stored.message)
        .bind(draft.map_err(|error| sqlx::Error::Encode(error.into()))?)
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
    write.execute(connection).await?;
    Ok(())
}

/// What a foreign hand wrote is read as well as can be: a draft that is none is not known.
fn read(row: &PgRow) -> Result<StoredSchedule, sqlx::Error> {
    let text = |column: usize| row.try_get::<&str, _>(column);
    let moment = |column: usize| row.try_get::<Option<i64>, _>(column).map(|micros| micros.map(Timestamp::from_micros));
    let count = |column: usize| row.try_get::<i64, _>(column).map(|count| u64::try_from(count).unwrap_or(0));
    Ok(StoredSchedule {
        tenant: Tenant::new(text(0)?),
        name: Arc::from(text(1)?),
        message: Arc::from(text(2)?),
        draft: row.try_get::<Option<&str>, _>(3)?.and_then(|json| serde_json::from_str(json).ok()),
        misfire: Misfire::from_stored(text(4)?),
        declared: Arc::from(text(5)?),
        times: Arc::from(text(6)?),
        next_at: moment(7)?,
        last_at: moment(8)?,
        missed: count(9)?,
        paused_at: moment(10)?,
        version: count(11)?,
        changed_at: Timestamp::from_micros(row.try_get(12)?),
        changed_by: row.try_get::<Option<&str>, _>(13)?.map(Arc::from),
        skipped: count(14)?,
        paused_because: row.try_get::<Option<&str>, _>(15)?.map(Arc::from),
    })
}
