//! Saga instances.

use std::sync::Arc;

use sqlx::{PgConnection, PgExecutor, Row, postgres::PgRow};
use wharf::{Code, Error, Key, SagaFilter, SagaId, SagaRecord, SagaRow, SagaTimer, Tenant, Timestamp};

use crate::{Postgres, error::failed};

const FIND: &str = "
    SELECT revision, version, state_name, state, facts, finished_at IS NOT NULL FROM wharf.sagas
    WHERE tenant = $1 AND saga = $2 AND key = $3";

const FIND_AND_HOLD: &str = "
    SELECT revision, version, state_name, state, facts, finished_at IS NOT NULL FROM wharf.sagas
    WHERE tenant = $1 AND saga = $2 AND key = $3 FOR UPDATE";

/// The first revision; nothing when the instance exists.
const BEGIN: &str = "
    INSERT INTO wharf.sagas
        (tenant, saga, key, revision, version, state_name, state, facts, finished_at, created_at, updated_at)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, CASE WHEN $9 THEN c.now END, c.now, c.now
    FROM (SELECT wharf.wharf_now()) AS c(now)
    ON CONFLICT DO NOTHING";

/// A later revision; nothing when the one before is not there.
const STEP: &str = "
    UPDATE wharf.sagas
    SET revision = $4, version = $5, state_name = $6, state = $7, facts = $8, updated_at = c.now,
        finished_at = CASE WHEN $9 THEN coalesce(finished_at, c.now) END
    FROM (SELECT wharf.wharf_now()) AS c(now)
    WHERE tenant = $1 AND saga = $2 AND key = $3 AND revision = $4 - 1";

/// Finished ones by the index of tombstones, one by its key; else it looks at every instance: see
/// [`Store::sagas`](wharf::ports::Store::sagas). Planned for what is bound, so that what is null leaves no condition.
const LIST: &str = "
    SELECT revision, version, state_name, state, facts, finished_at IS NOT NULL, tenant, saga, key, created_at, updated_at,
           finished_at,
           (SELECT coalesce(json_agg(json_build_array(name, generation, due_at, fired) ORDER BY due_at, name), '[]')::text
            FROM wharf.timers t WHERE t.tenant = s.tenant AND t.saga = s.saga AND t.key = s.key)
    FROM wharf.sagas s
    WHERE ($1::text IS NULL OR tenant = $1) AND ($2::text IS NULL OR saga = $2) AND ($3::text IS NULL OR key = $3)
      AND ($4::text IS NULL OR state_name = $4) AND ($5::bool IS NULL OR (finished_at IS NOT NULL) = $5)
    ORDER BY finished_at DESC NULLS FIRST, updated_at, tenant, saga, key LIMIT $6";

const DROP_TIMERS: &str = "DELETE FROM wharf.timers WHERE tenant = $1 AND saga = $2 AND key = $3";

/// One instance, if there is one.
pub(crate) async fn find(executor: impl PgExecutor<'_>, id: &SagaId) -> Result<Option<SagaRow>, Error> {
    find_by(FIND, executor, id).await
}

/// The same, kept from others until the end of the transaction.
pub(crate) async fn find_and_hold(connection: &mut PgConnection, id: &SagaId) -> Result<Option<SagaRow>, Error> {
    find_by(FIND_AND_HOLD, connection, id).await
}

async fn find_by(sql: &'static str, executor: impl PgExecutor<'_>, id: &SagaId) -> Result<Option<SagaRow>, Error> {
    let query = sqlx::query(sql).bind(id.tenant.as_str()).bind(&*id.saga).bind(id.key.as_str());
    let row = query.fetch_optional(executor).await;
    let saga = row.and_then(|row| row.map(|row| read(&row, id)).transpose());
    saga.map_err(|error| failed("read a saga", error))
}

/// Those that match, with what they wait for.
pub(crate) async fn list(engine: &Postgres, filter: &SagaFilter) -> Result<Vec<SagaRecord>, Error> {
    let rows = sqlx::query(LIST)
        .persistent(false)
        .bind(filter.tenant.as_ref().map(|tenant| tenant.as_str()))
        .bind(filter.saga.as_deref())
        .bind(filter.key.as_ref().map(|key| key.as_str()))
        .bind(filter.state.as_deref())
        .bind(filter.finished)
        .bind(i64::from(filter.limit_rows()))
        .fetch_all(engine.pool())
        .await;
    let records = rows.and_then(|rows| rows.iter().map(record).collect());
    records.map_err(|error| failed("list sagas", error))
}

fn record(row: &PgRow) -> Result<SagaRecord, sqlx::Error> {
    let id = SagaId {
        tenant: Tenant::new(row.try_get(6)?),
        saga: Arc::from(row.try_get::<&str, _>(7)?),
        key: Key::from_stored(row.try_get(8)?),
    };
    let timers: Vec<(String, i64, Timestamp, bool)> =
        serde_json::from_str(row.try_get(12)?).map_err(|error| sqlx::Error::Decode(error.into()))?;
    let timers = timers.into_iter();
    Ok(SagaRecord {
        row: read(row, &id)?,
        began_at: Timestamp::from_micros(row.try_get(9)?),
        updated_at: Timestamp::from_micros(row.try_get(10)?),
        finished_at: row.try_get::<Option<i64>, _>(11)?.map(Timestamp::from_micros),
        timers: timers.map(|(name, generation, due_at, fired)| SagaTimer { name, generation, due_at, fired }).collect(),
    })
}

/// Writes the revision that follows the one before.
pub(crate) async fn save(connection: &mut PgConnection, row: &SagaRow) -> Result<(), Error> {
    let what = |error| failed("save a saga", error);
    let id = &row.id;
    let (tenant, saga, key) = (id.tenant.as_str(), &*id.saga, id.key.as_str());
    let written = sqlx::query(if row.revision == 1 { BEGIN } else { STEP })
        .bind(tenant)
        .bind(saga)
        .bind(key)
        .bind(row.revision)
        .bind(i32::from(row.version))
        .bind(&row.state_name)
        .bind(&row.state)
        .bind(&row.facts)
        .bind(row.finished)
        .execute(&mut *connection)
        .await
        .map_err(what)?;
    if written.rows_affected() != 1 {
        let message = format!("saga `{saga}` of {key} is not at revision {}", row.revision - 1);
        return Err(Error::new(Code::ENGINE_FAILED, message));
    }
    if row.finished {
        sqlx::query(DROP_TIMERS).bind(tenant).bind(saga).bind(key).execute(connection).await.map_err(what)?;
    }
    Ok(())
}

fn read(row: &PgRow, id: &SagaId) -> Result<SagaRow, sqlx::Error> {
    Ok(SagaRow {
        id: id.clone(),
        revision: row.try_get(0)?,
        version: u16::try_from(row.try_get::<i32, _>(1)?).unwrap_or(u16::MAX),
        state_name: row.try_get(2)?,
        state: row.try_get(3)?,
        facts: row.try_get(4)?,
        finished: row.try_get(5)?,
    })
}
