//! Sets of tables that a program keeps in the file, each with a table of its own that tells how far it was migrated.

use std::borrow::Cow;

use sqlx::{
    AssertSqlSafe, Connection, SqlSafeStr, SqliteConnection,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    sqlite::SqliteConnectOptions,
};
use wharf::{Code, Error};

use crate::error::failed;

/// The steps that make up a program's tables. How far they were run stands in a table of the program's own, named after
/// its prefix, so that they and wharf's do not get in each other's way.
///
/// ```
/// # use wharf_sqlite::Migrations;
/// let mine = Migrations::of("shop", &[("orders", "CREATE TABLE orders (id INTEGER PRIMARY KEY) STRICT")]);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    prefix: &'static str,
    steps: &'static [(&'static str, &'static str)],
}

/// wharf's own.
pub(crate) const WHARF: Migrations = Migrations::of(
    "wharf",
    &[
        ("wharf", include_str!("../migrations/0001_wharf.sql")),
        ("survivors", include_str!("../migrations/0002_survivors.sql")),
        ("timetables", include_str!("../migrations/0003_timetables.sql")),
        ("runs", include_str!("../migrations/0004_runs.sql")),
        ("scheduling jobs", include_str!("../migrations/0005_scheduling_jobs.sql")),
    ],
);

impl Migrations {
    /// Steps as description and SQL, numbered from 1. What once ran anywhere is never edited, only added to: a changed
    /// step is refused.
    pub const fn of(prefix: &'static str, steps: &'static [(&'static str, &'static str)]) -> Self {
        Self { prefix, steps }
    }

    fn migrator(self) -> Migrator {
        let steps = (1..).zip(self.steps).map(|(version, &(description, sql))| {
            let description = Cow::Borrowed(description);
            Migration::new(version, description, MigrationType::Simple, sql.into_sql_str(), false)
        });
        let mut migrator = Migrator::with_migrations(steps.collect());
        migrator.dangerous_set_table_name(self.table());
        migrator
    }

    fn table(self) -> String {
        format!("{}_migrations", self.prefix)
    }
}

/// Runs what has not run yet, each step in a transaction of its own. Nothing is touched when the database has seen one
/// that is not among them.
pub(crate) async fn migrate(connection: &mut SqliteConnection, migrations: Migrations) -> Result<(), Error> {
    let migrated = migrations.migrator().run_direct(None, connection, false).await;
    migrated.map_err(|error| refused(migrations, error))
}

/// Fails unless all has run, and nothing else; only looks.
pub(crate) async fn expect(looker: &SqliteConnectOptions, migrations: Migrations) -> Result<(), Error> {
    let what = |error| failed(&format!("look for `{}`", migrations.table()), error);
    let mut connection = SqliteConnection::connect_with(looker).await.map_err(what)?;
    let newest = newest(&mut connection, migrations).await;
    connection.close().await.map_err(what)?;
    let known = migrations.steps.len() as i64;
    match newest.map_err(what)? {
        Some(newest) if newest == known => Ok(()),
        Some(newest) if newest > known => Err(refused(migrations, MigrateError::VersionMissing(newest))),
        Some(older) => {
            let (table, expects) = (migrations.table(), format!("this program expects {known}: run `wharf migrate`"));
            Err(Error::new(Code::SCHEMA_OLDER, format!("`{table}` is at version {older}; {expects}")))
        }
        None => Err(Error::new(Code::SCHEMA_OLDER, NO_TABLES)),
    }
}

const NO_TABLES: &str =
    "there are no tables of wharf's in this file; if it is the one that was meant, run `wharf migrate`";

/// The last step that has run; `None` where none ever has.
async fn newest(connection: &mut SqliteConnection, migrations: Migrations) -> Result<Option<i64>, sqlx::Error> {
    let table = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?";
    if sqlx::query_scalar::<_, i64>(table).bind(migrations.table()).fetch_one(&mut *connection).await? == 0 {
        return Ok(None);
    }
    // The name is one of this crate's constants.
    let newest = AssertSqlSafe(format!("SELECT max(version) FROM {} WHERE success", migrations.table()));
    sqlx::query_scalar(newest).fetch_one(connection).await
}

fn refused(migrations: Migrations, error: MigrateError) -> Error {
    let (table, known) = (migrations.table(), migrations.steps.len());
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest are failures of one kind")]
    match error {
        MigrateError::VersionMissing(version) => {
            let message = format!("`{table}` is at version {version}; this program knows {known} at most");
            Error::new(Code::SCHEMA_NEWER, message)
        }
        MigrateError::VersionMismatch(version) => {
            let message = format!("step {version} of `{table}` was edited after it had run");
            Error::new(Code::ENGINE_FAILED, message)
        }
        MigrateError::Execute(error) => failed(&format!("migrate by `{table}`"), error),
        MigrateError::ExecuteMigration(error, version) => failed(&format!("run step {version} of `{table}`"), error),
        other => Error::new(Code::ENGINE_FAILED, format!("cannot migrate by `{table}`")).caused_by(other),
    }
}
