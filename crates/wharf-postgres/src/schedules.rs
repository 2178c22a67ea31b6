//! Schedules: declared, fired, changed, listed. What becomes of one is decided by `wharf::ports::StoredSchedule`.

use std::{collections::HashMap, sync::Arc, time::Duration};

use sqlx::{Acquire, PgConnection, Row, postgres::PgRow};
use wharf::{
    Error, Misfire, Outgoing, Schedule, StoredSchedule, Tenant, Timestamp,
    ports::{Ring, ScheduleChange, Ticked, Wakeups},
};

use crate::{
    Postgres,
    error::failed,
    send::{rings, send_within},
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

/// How long until it is due.
const LOOK: &str = "
    SELECT next_at - (SELECT wharf.wharf_now()) FROM wharf.schedules WHERE tenant = $1 AND name = $2";

/// One that another has locked is being fired.
const LOCK_TO_FIRE: &str = concat!(
    "SELECT ",
    columns!(),
    ", (SELECT wharf.wharf_now()) FROM wharf.schedules WHERE tenant = $1 AND name = $2 FOR UPDATE SKIP LOCKED"
);

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
    let what = |error| failed("fire a schedule", error);
    // Before the database reads its own: it may be looked at a little early then, and never late.
    let asked_at = engine.clock().now();
    // A span of the database's time, counted from our own: the two clocks need not agree.
    let due_in = |span: i64| asked_at + Duration::from_micros(u64::try_from(span).unwrap_or(0));
    // Half-way through, an error closes the connection, and what was begun goes with it.
    let mut lane = engine.post().take().await?;
    let look = sqlx::query_scalar(LOOK).bind(tenant.as_str()).bind(name).fetch_optional(&mut *lane).await;
    let Some(due): Option<Option<i64>> = look.map_err(what)? else {
        lane.finish().await.map_err(what)?;
        return Ok(None);
    };
    let mut ticked = Ticked { next_due: due.map(due_in), ..Ticked::default() };
    if due.is_none_or(|due| due > 0) {
        lane.finish().await.map_err(what)?;
        return Ok(Some(ticked));
    }
    let mut transaction = lane.begin().await.map_err(what)?;
    let mut sent = Vec::new();
    let found = sqlx::query(LOCK_TO_FIRE).bind(tenant.as_str()).bind(name).fetch_optional(&mut *transaction).await;
    if let Some(row) = found.map_err(what)? {
        let (mut stored, now) = (read(&row).map_err(what)?, row.try_get(NOW).map_err(what)?);
        let before = stored.next_at;
        (ticked, sent) = stored.fire(Timestamp::from_micros(now), outgoing)?;
        ticked.next_due = stored.next_at.map(|next| due_in(next.as_micros().saturating_sub(now)));
        if !sent.is_empty() {
            ticked.skipped = send_within(&mut transaction, &sent).await?;
            stored.skip(ticked.skipped);
        }
        if stored.next_at != before {
            write(&mut transaction, &stored).await.map_err(what)?;
        }
    }
    transaction.commit().await.map_err(what)?;
    lane.finish().await.map_err(what)?;
    if !sent.is_empty() {
        engine.committed(rings(&sent));
    }
    Ok(Some(ticked))
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

async fn write(connection: &mut PgConnection, stored: &StoredSchedule) -> Result<(), sqlx::Error> {
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
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
