//! wharf's own tables, and those of others in the same file, each with a migration table of its own.

use std::{borrow::Cow, sync::LazyLock};

use sqlx::{
    SqlSafeStr, SqliteConnection,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};
use wharf::{Code, Error};

/// wharf's migrations. One that has landed is never edited: its checksum is stored and compared.
static WHARF: LazyLock<Migrator> =
    LazyLock::new(|| migrator("wharf_migrations", &[(1, "wharf", include_str!("../migrations/0001_wharf.sql"))]));

/// A set of migrations, given as number, name and SQL, that is recorded in a table of its own.
pub(crate) fn migrator(table: &'static str, migrations: &[(i64, &'static str, &'static str)]) -> Migrator {
    let migrations = migrations.iter().map(|(version, name, sql)| {
        Migration::new(*version, Cow::Borrowed(name), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.dangerous_set_table_name(table);
    migrator
}

/// Brings wharf's tables up to this version.
pub(crate) async fn wharf(connection: &mut SqliteConnection) -> Result<(), Error> {
    migrate(connection, &WHARF).await
}

/// Runs what is missing of these migrations, each in a transaction of its own. Nothing is touched when the database has
/// seen one that is not among them.
pub(crate) async fn migrate(connection: &mut SqliteConnection, migrator: &Migrator) -> Result<(), Error> {
    migrator.run_direct(None, connection, false).await.map_err(|error| refused(migrator, error))
}

fn refused(migrator: &Migrator, error: MigrateError) -> Error {
    let newest = migrator.iter().map(|migration| migration.version).max().unwrap_or(0);
    if let MigrateError::VersionMissing(found) = error
        && found > newest
    {
        let table = &migrator.table_name;
        let message = format!("`{table}` is at version {found}; this program knows {newest} at most");
        return Error::new(Code::SCHEMA_NEWER, message);
    }
    let code = if let MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) = &error {
        crate::error::code(error)
    } else {
        Code::ENGINE_FAILED
    };
    Error::new(code, "could not migrate the database").caused_by(error)
}
