//! Schemas that a program keeps in the database, each with a table of its own that tells how far it was migrated.

use std::{borrow::Cow, time::Duration};

use sqlx::{
    AssertSqlSafe, Connection, PgConnection, SqlSafeStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    raw_sql,
};
use tokio::time::timeout;
use wharf::{Code, Error};

use crate::{
    error::{failed, not_connected},
    session::Session,
};

/// The steps that make up a program's tables, in a schema of the program's own.
///
/// ```
/// # use wharf_postgres::Migrations;
/// let mine = Migrations::of("shop", &[("orders", "CREATE TABLE shop.orders (id BIGINT PRIMARY KEY)")]);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    schema: &'static str,
    steps: &'static [(&'static str, &'static str)],
}

/// wharf's own.
pub(crate) const WHARF: Migrations = Migrations::of(
    "wharf",
    &[
        ("time", include_str!("../migrations/0001_time.sql")),
        ("deliveries", include_str!("../migrations/0002_deliveries.sql")),
        ("dead letters", include_str!("../migrations/0003_dead_letters.sql")),
        ("sagas", include_str!("../migrations/0004_sagas.sql")),
        ("timers", include_str!("../migrations/0005_timers.sql")),
        ("subscriptions", include_str!("../migrations/0006_subscriptions.sql")),
        ("schedules", include_str!("../migrations/0007_schedules.sql")),
        ("inbox", include_str!("../migrations/0008_inbox.sql")),
        ("survivors", include_str!("../migrations/0009_survivors.sql")),
        ("workers", include_str!("../migrations/0010_workers.sql")),
        ("timetables", include_str!("../migrations/0011_timetables.sql")),
        ("runs", include_str!("../migrations/0012_runs.sql")),
        ("scheduling jobs", include_str!("../migrations/0013_scheduling_jobs.sql")),
    ],
);

impl Migrations {
    /// Steps as description and SQL, numbered from 1. What once ran anywhere is never edited, only added to: a changed
    /// step is refused.
    pub const fn of(schema: &'static str, steps: &'static [(&'static str, &'static str)]) -> Self {
        Self { schema, steps }
    }

    fn migrator(self) -> Migrator {
        let steps = (1..).zip(self.steps).map(|(version, &(description, sql))| {
            let description = Cow::Borrowed(description);
            Migration::new(version, description, MigrationType::Simple, sql.into_sql_str(), false)
        });
        let mut migrator = Migrator::with_migrations(steps.collect());
        migrator.create_schema(self.schema);
        migrator.dangerous_set_table_name(format!("{}.migrations", self.schema));
        migrator
    }
}

/// Runs what has not run yet, under a lock of the database's, so that any number of processes may start at once.
pub(crate) async fn migrate(session: &Session, connect_timeout: Duration, migrations: Migrations) -> Result<(), Error> {
    // What exists already is no news; and a long migration is not to be cut off.
    let session = session.with([("client_min_messages", "warning"), ("statement_timeout", "0")]);
    let mut connection = connect(&session, connect_timeout).await?;
    let migrated = run(&session, &mut connection, migrations).await;
    // Closing also ends the lock, which a failed run leaves held.
    let closed = connection.close().await;
    migrated.map_err(|error| refused(migrations, error))?;
    closed.map_err(|error| failed("end the migration", error))
}

/// Fails unless all has run, and nothing else; only looks.
pub(crate) async fn expect(session: &Session, connect_timeout: Duration, migrations: Migrations) -> Result<(), Error> {
    let schema = migrations.schema;
    let what = |error| failed(&format!("look for the schema `{schema}`"), error);
    let mut connection = connect(session, connect_timeout).await?;
    let newest = newest(session, &mut connection, migrations).await.map_err(what)?;
    connection.close().await.map_err(what)?;
    let known = migrations.steps.len() as i64;
    match newest {
        Some(newest) if newest == known => Ok(()),
        Some(newest) if newest > known => Err(refused(migrations, MigrateError::VersionMissing(newest))),
        Some(older) => {
            let expects = format!("this program expects {known}: run `wharf migrate`");
            Err(Error::new(Code::SCHEMA_OLDER, format!("the schema `{schema}` is at version {older}, {expects}")))
        }
        None => Err(Error::new(Code::SCHEMA_OLDER, NO_TABLES)),
    }
}

const NO_TABLES: &str =
    "there are no tables of wharf's in this database; if it is the one that was meant, run `wharf migrate`";

/// The last step that has run; `None` where none ever has.
async fn newest(
    session: &Session,
    connection: &mut PgConnection,
    migrations: Migrations,
) -> Result<Option<i64>, sqlx::Error> {
    session.enter(connection, false).await?;
    let table = format!("{}.migrations", migrations.schema);
    let exists = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL").bind(&table);
    let newest = match exists.fetch_one(&mut *connection).await? {
        // The name is one of a program's constants.
        true => {
            let newest = AssertSqlSafe(format!("SELECT max(version) FROM {table} WHERE success"));
            sqlx::query_scalar(newest).fetch_one(&mut *connection).await?
        }
        false => None,
    };
    session.leave(connection).await?;
    Ok(newest)
}

async fn connect(session: &Session, limit: Duration) -> Result<PgConnection, Error> {
    let connected = timeout(limit, session.connect()).await.map_err(|_| {
        Error::new(Code::ENGINE_UNREACHABLE, format!("PostgreSQL did not accept a connection within {limit:?}"))
    })?;
    connected.map_err(not_connected)
}

async fn run(session: &Session, connection: &mut PgConnection, migrations: Migrations) -> Result<(), MigrateError> {
    let mut migrator = migrations.migrator();
    if session.is_pooled() {
        // A session's lock would stay with the pooler's connection. Ours ends with the transaction around all steps.
        session.enter(connection, false).await?;
        raw_sql("SELECT pg_advisory_xact_lock(hashtext('wharf.migrations'))").execute(&mut *connection).await?;
        migrator.set_locking(false);
    }
    migrator.run_direct(None, connection, false).await?;
    session.leave(connection).await.map_err(MigrateError::Execute)
}

fn refused(migrations: Migrations, error: MigrateError) -> Error {
    let (schema, known) = (migrations.schema, migrations.steps.len());
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest are failures of one kind")]
    match error {
        MigrateError::VersionMissing(version) => {
            let message = format!("the schema `{schema}` is at version {version}, this program knows {known}");
            Error::new(Code::SCHEMA_NEWER, message)
        }
        MigrateError::VersionMismatch(version) => {
            let message = format!("step {version} of the schema `{schema}` was edited after it had run");
            Error::new(Code::ENGINE_FAILED, message)
        }
        MigrateError::Execute(error) => failed(&format!("migrate the schema `{schema}`"), error),
        MigrateError::ExecuteMigration(error, version) => {
            failed(&format!("run step {version} of the schema `{schema}`"), error)
        }
        other => Error::new(Code::ENGINE_FAILED, format!("cannot migrate the schema `{schema}`")).caused_by(other),
    }
}

#[cfg(test)]
mod tests {
    use super::WHARF;

    /// What is built concurrently and breaks off leaves an invalid index behind, which nobody sees and every write pays for.
    #[test]
    fn w36_no_index_is_built_concurrently() {
        let concurrently = WHARF.steps.iter().filter(|(_, sql)| sql.to_uppercase().contains("CONCURRENTLY"));
        assert_eq!(concurrently.count(), 0);
        assert!(WHARF.steps.iter().any(|(_, sql)| sql.contains("CREATE INDEX")));
    }
}
