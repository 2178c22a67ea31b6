//! Saga timers: armed and taken back within a saga's transaction, fired by the timer task.

use std::{sync::Arc, time::Duration};

use sqlx::{Acquire, PgConnection, Row, postgres::PgRow};
use wharf::{
    Error, Key, Outgoing, SagaId, Tenant, micros,
    ports::{Fired, TimerArm, TimerFiring},
};

use crate::{
    Postgres,
    error::failed,
    row::read_trail,
    send::{rings, send_within, write_trail},
};

const ARM: &str = "
    INSERT INTO wharf.timers (tenant, saga, key, name, generation, due_at, endpoint, trail, takes_turns)
    VALUES ($1, $2, $3, $4, $5, wharf.wharf_now() + $6, $7, $8, $9)
    ON CONFLICT (tenant, saga, key, name) DO UPDATE
    SET generation = excluded.generation, due_at = excluded.due_at, fired = false, endpoint = excluded.endpoint,
        trail = excluded.trail, takes_turns = excluded.takes_turns";

const DISARM: &str = "
    DELETE FROM wharf.timers WHERE tenant = $1 AND saga = $2 AND key = $3 AND name = $4 RETURNING generation";

const GENERATION: &str = "
    SELECT generation FROM wharf.timers WHERE tenant = $1 AND saga = $2 AND key = $3 AND name = $4";

/// As a claim does: by the index, passing over what a saga holds locked right now, with the wait until the next in every
/// answer, by one reading of the clock.
const FIRE: &str = "
    WITH clock AS MATERIALIZED (SELECT wharf.wharf_now() AS now),
    fired AS (
        UPDATE wharf.timers SET fired = true
        WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM wharf.timers
            WHERE NOT fired AND due_at <= (SELECT now FROM clock)
            ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED))
        RETURNING due_at, tenant, saga, key, name, generation, endpoint, trail, takes_turns)
    SELECT next.wait, fired.*
    FROM (SELECT (SELECT due_at FROM wharf.timers
                  WHERE NOT fired AND due_at > (SELECT now FROM clock)
                  ORDER BY due_at LIMIT 1) - (SELECT now FROM clock)) AS next(wait)
    LEFT JOIN fired ON true";

/// Arms a timer, replacing one of its name.
pub(crate) async fn arm(connection: &mut PgConnection, timer: &TimerArm) -> Result<(), Error> {
    let id = &timer.saga;
    let armed = sqlx::query(ARM)
        .bind(id.tenant.as_str())
        .bind(&*id.saga)
        .bind(id.key.as_str())
        .bind(&timer.name)
        .bind(timer.generation)
        .bind(micros(timer.delay))
        .bind(&*timer.endpoint)
        .bind(write_trail(&timer.trail))
        .bind(timer.takes_turns)
        .execute(connection)
        .await;
    armed.map_err(|error| failed("arm a timer", error))?;
    Ok(())
}

/// Takes a timer back; its generation, if there was one.
pub(crate) async fn disarm(connection: &mut PgConnection, id: &SagaId, name: &str) -> Result<Option<i64>, Error> {
    generation_by(DISARM, connection, id, name).await.map_err(|error| failed("disarm a timer", error))
}

/// A timer's generation, if there is one.
pub(crate) async fn generation(connection: &mut PgConnection, id: &SagaId, name: &str) -> Result<Option<i64>, Error> {
    generation_by(GENERATION, connection, id, name).await.map_err(|error| failed("read a timer", error))
}

async fn generation_by(
    sql: &'static str,
    connection: &mut PgConnection,
    id: &SagaId,
    name: &str,
) -> Result<Option<i64>, sqlx::Error> {
    let query = sqlx::query_scalar(sql).bind(id.tenant.as_str()).bind(&*id.saga).bind(id.key.as_str()).bind(name);
    query.fetch_optional(connection).await
}

/// See [`Store::fire_timers`](wharf::ports::Store::fire_timers).
pub(crate) async fn fire(engine: &Postgres, max: usize) -> Result<Fired, Error> {
    let what = |error| failed("fire timers", error);
    // Half-way through, an error closes the connection, and what was begun goes with it.
    let mut lane = engine.post().take().await?;
    let mut transaction = lane.begin().await.map_err(what)?;
    let fire = sqlx::query(FIRE).bind(i64::try_from(max).unwrap_or(i64::MAX));
    let rows = fire.fetch_all(&mut *transaction).await.map_err(what)?;
    let outgoing = read_fired(engine, &rows).map_err(what)?;
    if !outgoing.is_empty() {
        send_within(&mut transaction, &outgoing).await?;
    }
    transaction.commit().await.map_err(what)?;
    lane.finish().await.map_err(what)?;
    if !outgoing.is_empty() {
        engine.committed(rings(&outgoing));
    }
    let wait: Option<i64> = rows.first().map_or(Ok(None), |row| row.try_get(0)).map_err(what)?;
    let next_due = wait.map(|wait| engine.clock().now() + Duration::from_micros(u64::try_from(wait).unwrap_or(0)));
    Ok(Fired { fired: outgoing.len(), next_due })
}

fn read_fired(engine: &Postgres, rows: &[PgRow]) -> Result<Vec<Outgoing>, sqlx::Error> {
    let now = engine.clock().now();
    let mut fired = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(due_at) = row.try_get::<Option<i64>, _>(1)? else { continue };
        let saga = SagaId {
            tenant: Tenant::new(row.try_get(2)?),
            saga: Arc::from(row.try_get::<&str, _>(3)?),
            key: Key::from_stored(row.try_get(4)?),
        };
        let timer = TimerArm {
            saga,
            name: row.try_get(5)?,
            generation: row.try_get(6)?,
            delay: Duration::ZERO,
            endpoint: Arc::from(row.try_get::<&str, _>(7)?),
            takes_turns: row.try_get(9)?,
            trail: read_trail(row.try_get(8)?),
        };
        fired.push((due_at, TimerFiring::outgoing(&timer, now)));
    }
    fired.sort_by_key(|(due_at, _)| *due_at);
    Ok(fired.into_iter().map(|(_, outgoing)| outgoing).collect())
}
