//! The providers' books: one SQLite file, in which every call stands before it is answered.

use std::{
    fmt,
    future::Future,
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use sqlx::{
    Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::sync::Mutex;

use super::BOOKS_FILE;
use crate::ConnectError;

/// The version of the tables, kept in SQLite's own `user_version`.
const VERSION: i64 = 1;
/// For another process that writes these books, as several workers on one database do.
const BUSY_MAX: Duration = Duration::from_secs(10);

/// The open books. Clones write the same ones.
///
/// A durable commit costs what the disk costs, so calls that come together share one: each writes its entry into the
/// transaction that is open, steps back behind those who wait, and the first to return commits for all. None is answered
/// before that.
#[derive(Clone)]
pub(super) struct Books {
    page: Arc<Mutex<Page>>,
}

/// What is being written on.
struct Page {
    /// Until the books are closed.
    connection: Option<SqliteConnection>,
    open: Option<Group>,
}

/// The entries of one transaction. Set once: whether they were committed.
type Group = Arc<OnceLock<bool>>;

/// What one call reads and writes.
pub(super) trait Entry: Send + 'static {
    type Answer: Send + 'static;

    /// Works in a transaction that others write too. An error undoes theirs as well, so a refusal is an answer.
    fn write(self, book: &mut SqliteConnection) -> impl Future<Output = sqlx::Result<Self::Answer>> + Send;
}

impl Books {
    pub(super) async fn open(data_dir: &Path) -> Result<Self, ConnectError> {
        let path = data_dir.join(BOOKS_FILE);
        let failed = |error: &dyn fmt::Display| {
            ConnectError(format!("the simulated providers' books `{}` cannot be opened: {error}", path.display()))
        };
        std::fs::create_dir_all(data_dir).map_err(|error| failed(&error))?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_MAX);
        let mut connection = SqliteConnection::connect_with(&options).await.map_err(|error| failed(&error))?;
        let found = lay_out(&mut connection).await.map_err(|error| failed(&error))?;
        if found > VERSION {
            let newer = format!("they are of version {found}, and this program knows {VERSION}; use a newer one");
            return Err(failed(&newer));
        }
        Ok(Self { page: Arc::new(Mutex::new(Page { connection: Some(connection), open: None })) })
    }

    /// Writes an entry; returns once it is durable.
    pub(super) async fn enter<E: Entry>(&self, entry: E) -> Result<E::Answer, BooksError> {
        let page = Arc::clone(&self.page);
        // A task of its own, so that a caller who stops waiting does not leave half an entry behind.
        let entering = tokio::spawn(async move {
            let (answer, group) = Page::write(&page, entry).await?;
            Page::seal(&page, &group).await?;
            Ok(answer)
        });
        entering.await.map_err(|_| BooksError::Lost)?
    }

    /// Commits what is open and closes the file. What comes later is refused.
    pub(super) async fn close(&self) {
        let mut page = self.page.lock().await;
        if page.open.is_some() {
            page.end(true).await;
        }
        if let Some(connection) = page.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the simulated providers' books did not close well");
        }
    }
}

impl Page {
    async fn write<E: Entry>(page: &Mutex<Self>, entry: E) -> Result<(E::Answer, Group), BooksError> {
        let mut page = page.lock().await;
        let group = page.group().await?;
        match entry.write(page.connection()?).await {
            Ok(answer) => Ok((answer, group)),
            Err(error) => {
                page.end(false).await;
                Err(error.into())
            }
        }
    }

    fn connection(&mut self) -> Result<&mut SqliteConnection, BooksError> {
        self.connection.as_mut().ok_or(BooksError::Closed)
    }

    /// The open transaction, or a new one. It is a writing one from the start: what an entry decides by what it reads
    /// stays true until it is committed.
    async fn group(&mut self) -> Result<Group, BooksError> {
        if let Some(group) = &self.open {
            return Ok(Arc::clone(group));
        }
        sqlx::query("BEGIN IMMEDIATE").execute(self.connection()?).await?;
        Ok(Arc::clone(self.open.insert(Group::default())))
    }

    /// The lock is fair: whoever waited to write has written by now, and shares this commit.
    async fn seal(page: &Mutex<Self>, group: &Group) -> Result<(), BooksError> {
        let mut page = page.lock().await;
        if group.get().is_none() {
            page.end(true).await;
        }
        if group.get() == Some(&true) { Ok(()) } else { Err(BooksError::Lost) }
    }

    async fn end(&mut self, commit: bool) {
        // Books are closed only after what is open was ended.
        let Some(connection) = self.connection.as_mut() else { return };
        let committed = commit
            && match sqlx::query("COMMIT").execute(&mut *connection).await {
                Ok(_) => true,
                Err(error) => {
                    tracing::error!(%error, "the simulated providers' books could not be committed");
                    false
                }
            };
        if !committed {
            // Fails when SQLite has rolled back by itself, and then there is nothing to do.
            let _ = sqlx::query("ROLLBACK").execute(connection).await;
        }
        if let Some(group) = self.open.take() {
            let _ = group.set(committed);
        }
    }
}

/// Makes the tables of new books. Returns the version that was found, 0 for new ones.
async fn lay_out(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let found: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *transaction).await?;
    if found == 0 {
        sqlx::raw_sql(include_str!("books.sql")).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(found)
}

/// An entry does not stand in the books.
#[derive(Debug, thiserror::Error)]
pub(super) enum BooksError {
    #[error("its books cannot be written: {0}")]
    Sql(#[from] sqlx::Error),
    #[error("the entry was undone together with another")]
    Lost,
    #[error("its books are closed")]
    Closed,
}

impl fmt::Debug for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Books").finish_non_exhaustive()
    }
}
