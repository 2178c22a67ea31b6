//! The books as an auditor reads them: what was taken, given back and shipped, order by order.

use std::path::Path;

use futures_util::stream::BoxStream;
use sqlx::{ConnectOptions, FromRow, SqliteConnection, sqlite::SqliteConnectOptions};

use super::BOOKS_FILE;

/// One moment of the books, read beside whoever writes them.
#[derive(Debug)]
pub(crate) struct Statement {
    connection: SqliteConnection,
}

/// How far the books went at some moment: what has a higher id came later.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromRow)]
pub(crate) struct Marks {
    captures: i64,
    refunds: i64,
    parcels: i64,
}

/// One row of what happened in the world.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(crate) struct Deed {
    pub(crate) order_id: i64,
    pub(crate) kind: DeedKind,
    pub(crate) id: i64,
    /// Of the call, such as `pay:42:1` or `refund:42:1`.
    pub(crate) key: String,
    /// In minor units; 0 for a parcel.
    pub(crate) amount: i64,
    /// Empty for a parcel.
    pub(crate) currency: String,
    /// The provider's own id: of the capture, of the capture that is refunded, or the tracking number.
    pub(crate) name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(rename_all = "lowercase")]
pub(crate) enum DeedKind {
    Capture,
    Refund,
    Parcel,
}

const MARKS: &str = "
SELECT coalesce((SELECT max(id) FROM captures), 0) AS captures,
       coalesce((SELECT max(id) FROM refunds), 0) AS refunds,
       coalesce((SELECT max(id) FROM parcels), 0) AS parcels";

const DEEDS: &str = "
SELECT order_id, 'capture' AS kind, id, key, amount, currency, printf('CAP-%06d', id) AS name FROM captures
UNION ALL
SELECT order_id, 'refund', id, key, amount, currency, printf('CAP-%06d', capture_id) FROM refunds
UNION ALL
SELECT order_id, 'parcel', id, key, 0, '', tracking FROM parcels
ORDER BY order_id";

impl Statement {
    /// `None` when no provider was ever opened in this directory.
    pub(crate) async fn open(data_dir: &Path) -> sqlx::Result<Option<(Self, Marks)>> {
        let path = data_dir.join(BOOKS_FILE);
        if !path.exists() {
            return Ok(None);
        }
        let mut connection = SqliteConnectOptions::new().filename(path).read_only(true).connect().await?;
        sqlx::raw_sql("BEGIN").execute(&mut connection).await?;
        // The first read is what fixes the moment.
        let marks = sqlx::query_as(MARKS).fetch_one(&mut connection).await?;
        Ok(Some((Self { connection }, marks)))
    }

    /// Everything, in the order of orders.
    pub(crate) fn deeds(&mut self) -> BoxStream<'_, sqlx::Result<Deed>> {
        sqlx::query_as(DEEDS).fetch(&mut self.connection)
    }
}

impl Marks {
    /// Whether this was done before the marks were set.
    pub(crate) fn cover(&self, deed: &Deed) -> bool {
        let mark = match deed.kind {
            DeedKind::Capture => self.captures,
            DeedKind::Refund => self.refunds,
            DeedKind::Parcel => self.parcels,
        };
        deed.id <= mark
    }
}
