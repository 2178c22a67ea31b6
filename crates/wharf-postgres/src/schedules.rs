//! Schedules: declared, fired, listed.

use std::{sync::Arc, time::Duration};

use sqlx::{Acquire, PgConnection, Row, postgres::PgRow};
use wharf::{
    Error, Outgoing, Tenant, Timestamp, micros,
    ports::{Schedule, StoredSchedule, Ticked},
};

use crate::{
    Postgres,
    error::failed,
    send::{rings, send_within},
};

/// Keeps the next due time, which may lie in the past; a changed period may bring it forward.
const DECLARE: &str = "
    INSERT INTO wharf.schedules AS s (tenant, name, message, period, next_at)
    SELECT $1, $2, $3, $4, (c.now / $4 + 1) * $4 FROM (SELECT wharf.wharf_now()) AS c(now)
    ON CONFLICT (tenant, name) DO UPDATE
    SET message = excluded.message, period = excluded.period,
        next_at = CASE s.period WHEN excluded.period THEN s.next_at ELSE least(s.next_at, excluded.next_at) END";

/// Moves it on if it is due by the database's clock, and tells how long until it is due again. One that another has
/// locked is being fired. Both parts see the row as it was when the statement began.
const FIRE: &str = "
    WITH clock AS MATERIALIZED (SELECT wharf.wharf_now() AS now),
    due AS MATERIALIZED (
        SELECT s.tenant, s.name, (c.now - s.next_at) / s.period AS missed, (c.now / s.period + 1) * s.period AS next_at
        FROM wharf.schedules AS s, clock AS c
        WHERE s.tenant = $1 AND s.name = $2 AND s.next_at <= c.now
        FOR UPDATE OF s SKIP LOCKED),
    moved AS (
        UPDATE wharf.schedules AS s
        SET next_at = due.next_at, last_at = (SELECT now FROM clock), missed = s.missed + due.missed
        FROM due WHERE s.tenant = due.tenant AND s.name = due.name
        RETURNING due.next_at, due.missed)
    SELECT moved.missed, coalesce(moved.next_at, s.next_at) - (SELECT now FROM clock)
    FROM wharf.schedules AS s LEFT JOIN moved ON true
    WHERE s.tenant = $1 AND s.name = $2";

const ALL: &str = "
    SELECT tenant, name, message, period, next_at, last_at, missed FROM wharf.schedules ORDER BY tenant, name";

/// Declares a schedule, or changes one that was declared before.
pub(crate) async fn declare(connection: &mut PgConnection, schedule: &Schedule) -> Result<(), sqlx::Error> {
    let Schedule { tenant, name, message, period } = schedule;
    let declare = sqlx::query(DECLARE).bind(tenant.as_str()).bind(&**name).bind(&**message).bind(micros(*period));
    declare.execute(connection).await?;
    Ok(())
}

/// See [`Store::fire_schedule`](wharf::ports::Store::fire_schedule).
pub(crate) async fn fire(
    engine: &Postgres,
    tenant: &Tenant,
    name: &str,
    outgoing: &[Outgoing],
) -> Result<Ticked, Error> {
    let what = |error| failed("fire a schedule", error);
    // Before the database reads its own: it may be looked at a little early then, and never late.
    let asked_at = engine.clock().now();
    // Half-way through, an error closes the connection, and what was begun goes with it.
    let mut lane = engine.post().take().await?;
    let mut transaction = lane.begin().await.map_err(what)?;
    let fire = sqlx::query(FIRE).bind(tenant.as_str()).bind(name);
    let row = fire.fetch_optional(&mut *transaction).await.map_err(what)?;
    let ticked = row.map_or(Ok(Ticked::default()), |row| read_ticked(asked_at, &row)).map_err(what)?;
    if ticked.fired {
        send_within(&mut transaction, outgoing).await?;
    }
    transaction.commit().await.map_err(what)?;
    lane.finish().await.map_err(what)?;
    if ticked.fired {
        engine.committed(rings(outgoing));
    }
    Ok(ticked)
}

fn read_ticked(asked_at: Timestamp, row: &PgRow) -> Result<Ticked, sqlx::Error> {
    let missed: Option<i64> = row.try_get(0)?;
    // A span of the database's time, counted from our own: the two clocks need not agree.
    let wait = Duration::from_micros(u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or(0));
    Ok(Ticked { fired: missed.is_some(), missed: missed.map_or(0, i64::unsigned_abs), next_due: Some(asked_at + wait) })
}

/// See [`Store::schedules`](wharf::ports::Store::schedules).
pub(crate) async fn list(engine: &Postgres) -> Result<Vec<StoredSchedule>, Error> {
    let rows = sqlx::query(ALL).fetch_all(engine.pool()).await;
    let schedules = rows.and_then(|rows| rows.iter().map(read).collect());
    schedules.map_err(|error| failed("read schedules", error))
}

fn read(row: &PgRow) -> Result<StoredSchedule, sqlx::Error> {
    let schedule = Schedule {
        tenant: Tenant::new(row.try_get(0)?),
        name: Arc::from(row.try_get::<&str, _>(1)?),
        message: Arc::from(row.try_get::<&str, _>(2)?),
        period: Duration::from_micros(row.try_get::<i64, _>(3)?.unsigned_abs()),
    };
    Ok(StoredSchedule {
        schedule,
        next_at: Timestamp::from_micros(row.try_get(4)?),
        last_at: row.try_get::<Option<i64>, _>(5)?.map(Timestamp::from_micros),
        missed: row.try_get::<i64, _>(6)?.unsigned_abs(),
    })
}
