//! Sets of tables that a program keeps in the file, each with a table of its own that tells how far it was migrated.

use std::borrow::Cow;

use sqlx::{
    SqlSafeStr, SqliteConnection,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
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
