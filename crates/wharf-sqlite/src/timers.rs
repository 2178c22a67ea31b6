//! Saga timers: armed and disarmed within a delivery's transaction, fired in batches.

use std::sync::Arc;

use sqlx::sqlite::SqliteRow;
use wharf::{
    Error, Key, SagaId, Tenant, Timestamp,
    ports::{Fired, TimerArm, TimerFiring},
};

use crate::{
    deliveries::{self, column, json, read_trail},
    engine::Sqlite,
    error::failed,
    script::{Ran, Script},
    transaction::SqliteTransaction,
};

/// Adds the statement that arms a timer, in place of one of the same name.
pub(crate) fn arm(script: Script, timer: &TimerArm, now: Timestamp) -> Result<Script, Error> {
    Ok(named(script.write(ARM), &timer.saga, &timer.name)
        .bind(timer.generation)
        .bind((now + timer.delay).as_micros())
        .bind(Arc::clone(&timer.endpoint))
        .bind(json(&timer.trail)?)
        .bind(timer.takes_turns))
}

const ARM: &str = "
INSERT INTO wharf_timers (tenant, saga, key, name, generation, due_at, endpoint, trail, takes_turns)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET generation = excluded.generation, due_at = excluded.due_at, fired = 0,
                          endpoint = excluded.endpoint, trail = excluded.trail, takes_turns = excluded.takes_turns";

/// Takes a timer back; returns its generation if there was one.
pub(crate) async fn disarm(transaction: &mut SqliteTransaction, id: &SagaId, name: &str) -> Result<Option<i64>, Error> {
    let ran = transaction.run("disarm a timer", named(Script::new().write(DISARM), id, name)).await?;
    first_generation(&ran)
}

const DISARM: &str =
    "DELETE FROM wharf_timers WHERE tenant = ? AND saga = ? AND key = ? AND name = ? RETURNING generation";

/// The generation of a timer that is armed, or fired and not yet handled.
pub(crate) async fn generation(
    transaction: &mut SqliteTransaction,
    id: &SagaId,
    name: &str,
) -> Result<Option<i64>, Error> {
    let ran = transaction.run("read a timer", named(Script::new().read(GENERATION), id, name)).await?;
    first_generation(&ran)
}

const GENERATION: &str = "SELECT generation FROM wharf_timers WHERE tenant = ? AND saga = ? AND key = ? AND name = ?";

fn named(script: Script, id: &SagaId, name: &str) -> Script {
    script.bind(id.tenant.as_str()).bind(&*id.saga).bind(id.key.as_str()).bind(name)
}

fn first_generation(ran: &[Ran]) -> Result<Option<i64>, Error> {
    ran.iter().flat_map(|ran| &ran.rows).next().map(|row| column(row, 0)).transpose()
}

/// Turns due timers into deliveries.
pub(crate) async fn fire(engine: &Sqlite, max: usize) -> Result<Fired, Error> {
    const DOING: &str = "fire timers";
    // A look from outside first: mostly nothing is due, and the writer is left alone.
    let next_due: Option<i64> =
        sqlx::query_scalar(NEXT_DUE).fetch_one(engine.read_pool()).await.map_err(|error| failed(DOING, error))?;
    let (now, next_due) = (engine.now(), next_due.map(Timestamp::from_micros));
    if next_due.is_none_or(|due| due > now) {
        return Ok(Fired { fired: 0, next_due });
    }
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let mut turn = engine.writer().turn().await?;
    let due = Script::new()
        .read(DUE)
        .bind(now.as_micros())
        .bind(max)
        .write(MARK_FIRED)
        .bind(now.as_micros())
        .bind(max)
        .read(NEXT_DUE);
    let mut ran = due.run(turn.connection()?).await.map_err(|error| failed(DOING, error))?.into_iter();
    let due = ran.next().map(|due| due.rows).unwrap_or_default();
    let next_due: Option<i64> = match ran.nth(1).as_ref().and_then(|next| next.rows.first()) {
        Some(row) => column(row, 0)?,
        None => None,
    };
    let firings: Vec<_> =
        due.iter().map(|row| Ok(TimerFiring::outgoing(&timer(row)?, now))).collect::<Result<_, Error>>()?;
    let script = deliveries::send(Script::new(), &firings, now)?;
    turn.end(DOING, script, deliveries::bells(&firings)).await?.committed()?;
    Ok(Fired { fired: firings.len(), next_due: next_due.map(Timestamp::from_micros) })
}

const NEXT_DUE: &str = "SELECT min(due_at) FROM wharf_timers WHERE fired = 0";

const DUE: &str = "
SELECT tenant, saga, key, name, generation, endpoint, trail, takes_turns FROM wharf_timers
WHERE fired = 0 AND due_at <= ? ORDER BY due_at, tenant, saga, key, name LIMIT ?";

/// Those that [`DUE`] returned: same condition, same order, same transaction.
const MARK_FIRED: &str = "
UPDATE wharf_timers SET fired = 1 WHERE (tenant, saga, key, name) IN (
    SELECT tenant, saga, key, name FROM wharf_timers
    WHERE fired = 0 AND due_at <= ? ORDER BY due_at, tenant, saga, key, name LIMIT ?)";

fn timer(row: &SqliteRow) -> Result<TimerArm, Error> {
    let id = SagaId {
        tenant: Tenant::new(column(row, 0)?),
        saga: Arc::from(column::<&str>(row, 1)?),
        key: Key::from_stored(column(row, 2)?),
    };
    Ok(TimerArm {
        saga: id,
        name: column(row, 3)?,
        generation: column(row, 4)?,
        delay: std::time::Duration::ZERO,
        endpoint: Arc::from(column::<&str>(row, 5)?),
        takes_turns: column(row, 7)?,
        trail: read_trail(column(row, 6)?),
    })
}
