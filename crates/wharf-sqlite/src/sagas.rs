//! Saga instances.

use sqlx::{SqliteConnection, sqlite::SqliteRow};
use wharf::{Code, Error, SagaId, SagaRow};

use crate::{deliveries::column, error::failed, script::Script, transaction::SqliteTransaction};

/// One instance, as this connection sees it.
pub(crate) async fn find(connection: &mut SqliteConnection, id: &SagaId) -> Result<Option<SagaRow>, Error> {
    let found = sqlx::query(FIND)
        .bind(id.tenant.as_str())
        .bind(&*id.saga)
        .bind(id.key.as_str())
        .fetch_optional(connection)
        .await
        .map_err(|error| failed("read a saga", error))?;
    found.map(|row| saga(id, &row)).transpose()
}

const FIND: &str = "
SELECT revision, version, state_name, state, facts, finished_at IS NOT NULL
FROM wharf_sagas WHERE tenant = ? AND saga = ? AND key = ?";

fn saga(id: &SagaId, row: &SqliteRow) -> Result<SagaRow, Error> {
    Ok(SagaRow {
        id: id.clone(),
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
