//! One moment of the shop's database, on either engine, in one SQL text.

use std::path::Path;

use futures_util::{TryStreamExt, stream::BoxStream};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, FromRow, PgConnection, SqliteConnection,
    postgres::{PgConnectOptions, PgRow},
    sqlite::{SqliteConnectOptions, SqliteRow},
};

use crate::{ConnectError, Database};

/// A transaction that only reads, and sees the database as it was when it began.
#[derive(Debug)]
pub(crate) enum Snapshot {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// A row that either engine can give.
pub(crate) trait Found: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl<R> Found for R where R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl Snapshot {
    pub(crate) async fn open(database: &Database) -> Result<Self, ConnectError> {
        match database {
            Database::Sqlite { path } => Self::open_sqlite(path).await,
            Database::Postgres { url } => Self::open_postgres(url).await,
        }
    }

    async fn open_sqlite(path: &Path) -> Result<Self, ConnectError> {
        let failed = |error| ConnectError(format!("the database `{}` cannot be read: {error}", path.display()));
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        let mut connection = options.connect().await.map_err(failed)?;
        sqlx::raw_sql("BEGIN").execute(&mut connection).await.map_err(failed)?;
        // The first read is what fixes the moment.
        sqlx::raw_sql("SELECT 1 FROM orders LIMIT 1").execute(&mut connection).await.map_err(failed)?;
        Ok(Self::Sqlite(connection))
    }

    async fn open_postgres(url: &str) -> Result<Self, ConnectError> {
        // Not the address: it holds the password.
        let failed = |error| ConnectError(format!("the PostgreSQL database cannot be read: {error}"));
        let options = url.parse::<PgConnectOptions>().map_err(failed)?.options([("search_path", "orderly")]);
        let mut connection = options.connect().await.map_err(failed)?;
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1 FROM orders LIMIT 1";
        sqlx::raw_sql(begin).execute(&mut connection).await.map_err(failed)?;
        Ok(Self::Postgres(connection))
    }

    /// What a query finds, row by row. wharf's tables are written as on PostgreSQL, `wharf.sagas`.
    pub(crate) fn rows<R: Found + 'static>(&mut self, sql: &str) -> BoxStream<'_, sqlx::Result<R>> {
        // The text is put together from this crate's constants only.
        match self {
            Self::Sqlite(connection) => {
                sqlx::query_as(AssertSqlSafe(sql.replace("wharf.", "wharf_"))).fetch(connection)
            }
            Self::Postgres(connection) => sqlx::query_as(AssertSqlSafe(sql.to_owned())).fetch(connection),
        }
    }

    /// The one number that a query finds.
    pub(crate) async fn number(&mut self, sql: &str) -> sqlx::Result<u64> {
        let mut rows = self.rows::<(i64,)>(sql);
        Ok(rows.try_next().await?.map_or(0, |(number,)| number.unsigned_abs()))
    }

    pub(crate) async fn close(self) {
        // Nothing was written; a connection that does not close well is none that matters.
        let _ = match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        };
    }
}
