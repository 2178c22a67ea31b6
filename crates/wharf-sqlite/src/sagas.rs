//! Saga instances.

use std::sync::Arc;

use sqlx::{SqliteConnection, sqlite::SqliteRow};
use wharf::{Code, Error, Key, SagaFilter, SagaId, SagaRecord, SagaRow, SagaTimer, Tenant, Timestamp};

use crate::{
    deliveries::column,
    engine::Sqlite,
    error::{failed, unreadable},
    script::Script,
    transaction::SqliteTransaction,
};

/// One instance, as this connection sees it.
pub(crate) async fn find(connection: &mut SqliteConnection, id: &SagaId) -> Result<Option<SagaRow>, Error> {
    let found = sqlx::query(FIND)
        .bind(id.tenant.as_str())
        .bind(&*id.saga)
        .bind(id.key.as_str())
        .fetch_optional(connection)
        .await
        .map_err(|error| failed("read a saga", error))?;
    found.map(|row| stored(id.clone(), &row)).transpose()
}

const FIND: &str = "
SELECT revision, version, state_name, state, facts, finished_at IS NOT NULL
FROM wharf_sagas WHERE tenant = ? AND saga = ? AND key = ?";

/// Those that match, with what they wait for.
pub(crate) async fn list(engine: &Sqlite, filter: &SagaFilter) -> Result<Vec<SagaRecord>, Error> {
    let sql = match filter.finished {
        _ if filter.is_of_one() => ONE,
        None => ALL,
        Some(false) => UNFINISHED,
        Some(true) => FINISHED,
    };
    let found = sqlx::query(sql)
        .bind(filter.tenant.as_ref().map(|tenant| tenant.as_str()))
        .bind(filter.saga.as_deref())
        .bind(filter.key.as_ref().map(|key| key.as_str()))
        .bind(filter.state.as_deref())
        .bind(filter.finished)
        .bind(filter.limit_rows())
        .fetch_all(engine.read_pool())
        .await
        .map_err(|error| failed("list sagas", error))?;
    found.iter().map(record).collect()
}

/// SQLite plans before it knows what is bound, so each way to look has a statement of its own.
macro_rules! listing {
    ($those:literal, $order:literal) => {
        concat!(
            "SELECT revision, version, state_name, state, facts, finished_at IS NOT NULL, tenant, saga, key, created_at,
                    updated_at, finished_at,
                    (SELECT json_group_array(json_array(name, generation, due_at, fired)) FROM wharf_timers AS t
                     WHERE t.tenant = s.tenant AND t.saga = s.saga AND t.key = s.key)
             FROM wharf_sagas AS s
             WHERE ",
            $those,
            " AND ($1 IS NULL OR tenant = $1) AND ($2 IS NULL OR saga = $2) AND ($3 IS NULL OR key = $3)
             AND ($4 IS NULL OR state_name = $4) AND ($5 IS NULL OR (finished_at IS NOT NULL) = $5)
             ORDER BY ",
            $order,
            ", tenant, saga, key LIMIT $6"
        )
    };
}

/// By its key.
const ONE: &str = listing!("tenant = $1 AND saga = $2 AND key = $3", "updated_at");
/// By the index of tombstones, the last one first.
const FINISHED: &str = listing!("finished_at IS NOT NULL", "finished_at DESC, updated_at");
/// These two look at every instance: see [`Store::sagas`](wharf::ports::Store::sagas).
const UNFINISHED: &str = listing!("finished_at IS NULL", "updated_at");
const ALL: &str = listing!("true", "finished_at DESC NULLS FIRST, updated_at");

fn record(row: &SqliteRow) -> Result<SagaRecord, Error> {
    let saga = Arc::from(column::<&str>(row, 7)?);
    let id = SagaId { tenant: Tenant::new(column(row, 6)?), saga, key: Key::from_stored(column(row, 8)?) };
    let timers: Vec<(String, i64, Timestamp, u8)> =
        serde_json::from_str(column(row, 12)?).map_err(|error| unreadable("timers", error))?;
    let mut timers: Vec<_> = timers
        .into_iter()
        .map(|(name, generation, due_at, fired)| SagaTimer { name, generation, due_at, fired: fired != 0 })
        .collect();
    timers.sort_by_key(|timer| timer.due_at);
    Ok(SagaRecord {
        row: stored(id, row)?,
        began_at: Timestamp::from_micros(column(row, 9)?),
        updated_at: Timestamp::from_micros(column(row, 10)?),
        finished_at: column::<Option<i64>>(row, 11)?.map(Timestamp::from_micros),
        timers,
    })
}

fn stored(id: SagaId, row: &SqliteRow) -> Result<SagaRow, Error> {
    Ok(SagaRow {
        id,
        revision: column(row, 0)?,
        version: column(row, 1)?,
        state_name: column(row, 2)?,
        state: column(row, 3)?,
        facts: column(row, 4)?,
        finished: column(row, 5)?,
    })
}

/// Writes an instance in place of the revision before. A finished one loses its timers.
pub(crate) async fn save(transaction: &mut SqliteTransaction, row: &SagaRow) -> Result<(), Error> {
    let now = transaction.now().as_micros();
    let finished_at = row.finished.then_some(now);
    let (tenant, saga, key) = (row.id.tenant.as_str(), &*row.id.saga, row.id.key.as_str());
    let mut script = if row.revision == 1 { Script::new().write(INSERT) } else { Script::new().write(REPLACE) }
        .bind(row.revision)
        .bind(row.version)
        .bind(row.state_name.as_str())
        .bind(row.state.as_str())
        .bind(row.facts.as_str())
        .bind(finished_at)
        .bind(now)
        .bind(tenant)
        .bind(saga)
        .bind(key);
    script = if row.revision == 1 { script.bind(now) } else { script.bind(row.revision - 1) };
    if row.finished {
        script = script.write(DISARM_ALL).bind(tenant).bind(saga).bind(key);
    }
    let ran = transaction.run("save a saga", script).await?;
    if ran.first().is_some_and(|saved| saved.changed == 1) {
        return Ok(());
    }
    let message =
        format!("saga `{saga}` of {key} is not at revision {}, after which this step comes", row.revision - 1);
    Err(Error::new(Code::ENGINE_FAILED, message))
}

const INSERT: &str = "
INSERT INTO wharf_sagas (revision, version, state_name, state, facts, finished_at, updated_at, tenant, saga, key, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING";

/// A tombstone keeps the time at which it first was one.
const REPLACE: &str = "
UPDATE wharf_sagas
SET revision = ?, version = ?, state_name = ?, state = ?, facts = ?, finished_at = coalesce(finished_at, ?), updated_at = ?
WHERE tenant = ? AND saga = ? AND key = ? AND revision = ?";

const DISARM_ALL: &str = "DELETE FROM wharf_timers WHERE tenant = ? AND saga = ? AND key = ?";
