//! Several statements in one call.
//!
//! A call to sqlx's SQLite connection costs a hop to its thread and back, some 40 µs, which is more than most of our
//! statements take. So what belongs together is sent together.

use futures_util::TryStreamExt;
use sqlx::{
    Arguments, AssertSqlSafe, Either, Encode, Executor, Sqlite, SqliteConnection, Type,
    error::BoxDynError,
    sqlite::{SqliteArguments, SqliteRow},
};

/// Statements and their arguments. Parameters are written `?` and bound in the order in which they stand, or `$1`, `$2`
/// and so on, which count through the whole script and may be used more than once.
#[derive(Debug)]
pub(crate) struct Script {
    sql: String,
    arguments: Result<SqliteArguments, BoxDynError>,
    statements: Vec<Statement>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Statement {
    Read,
    Write { must_change: Option<u64> },
}

/// What one statement of a script did.
#[derive(Debug)]
pub(crate) struct Ran {
    /// What it returned.
    pub(crate) rows: Vec<SqliteRow>,
    /// How many rows it changed.
    pub(crate) changed: u64,
    must_change: Option<u64>,
}

impl Ran {
    /// Whether it changed as many rows as it had to.
    pub(crate) fn as_expected(&self) -> bool {
        self.must_change.is_none_or(|rows| rows == self.changed)
    }
}

impl Script {
    /// A script without statements.
    pub(crate) fn new() -> Self {
        Self { sql: String::new(), arguments: Ok(SqliteArguments::default()), statements: Vec::new() }
    }

    /// Adds a statement that changes no rows. What is bound next are its arguments; so for the others.
    #[must_use]
    pub(crate) fn read(self, sql: &str) -> Self {
        self.add(sql, Statement::Read)
    }

    /// Adds a statement that changes rows.
    #[must_use]
    pub(crate) fn write(self, sql: &str) -> Self {
        self.add(sql, Statement::Write { must_change: None })
    }

    /// Adds a statement that must change exactly so many rows; else the whole turn is undone and counts as stale.
    #[must_use]
    pub(crate) fn write_exactly(self, rows: usize, sql: &str) -> Self {
        self.add(sql, Statement::Write { must_change: Some(rows as u64) })
    }

    fn add(mut self, sql: &str, statement: Statement) -> Self {
        self.sql.push_str(sql);
        self.sql.push(';');
        self.statements.push(statement);
        self
    }

    /// Binds the next argument.
    #[must_use]
    pub(crate) fn bind<'q, T: Encode<'q, Sqlite> + Type<Sqlite>>(mut self, value: T) -> Self {
        self.arguments = self.arguments.and_then(|mut arguments| arguments.add(value).map(|()| arguments));
        self
    }

    /// Runs all statements in one call. One that fails ends it; those before it have been done.
    pub(crate) async fn run(self, connection: &mut SqliteConnection) -> Result<Vec<Ran>, sqlx::Error> {
        let mut done = Vec::with_capacity(self.statements.len());
        let mut statements = self.statements.into_iter();
        let mut rows = Vec::new();
        // The text is put together from this crate's constants only.
        let query = sqlx::query_with(AssertSqlSafe(self.sql), self.arguments.map_err(sqlx::Error::Encode)?);
        let mut results = connection.fetch_many(query);
        while let Some(result) = results.try_next().await? {
            match result {
                Either::Right(row) => rows.push(row),
                Either::Left(ended) => {
                    // SQLite's count is that of the last statement that changed rows, which a read is not.
                    let (changed, must_change) = match statements.next() {
                        Some(Statement::Write { must_change }) => (ended.rows_affected(), must_change),
                        Some(Statement::Read) | None => (0, None),
                    };
                    done.push(Ran { rows: std::mem::take(&mut rows), changed, must_change });
                }
            }
        }
        Ok(done)
    }
}
