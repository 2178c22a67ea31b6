//! The simulated providers' own books: what really was taken, given back and shipped.

use std::path::Path;

use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};

use crate::database::block_on;

/// What the books say about all orders.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Books {
    /// Orders from whom money was taken more than once.
    pub(crate) charged_twice: Vec<i64>,
    /// Orders of whom more than one parcel left.
    pub(crate) shipped_twice: Vec<i64>,
    /// Orders whose money was taken and not given back as a whole.
    pub(crate) paid: Vec<i64>,
    /// Orders of which a return was paid back more than once.
    pub(crate) returned_twice: Vec<i64>,
    /// The order of each return that was paid back.
    pub(crate) returned: Vec<i64>,
    /// Orders whose parcel left.
    pub(crate) shipped: Vec<i64>,
}

impl Books {
    pub(crate) fn read(data: &Path) -> Self {
        let books = SqliteConnectOptions::new().filename(data.join("providers.db")).read_only(true);
        block_on(async {
            let mut books = books.connect().await.unwrap();
            let mut orders = async |sql: &'static str| sqlx::query_scalar(sql).fetch_all(&mut books).await.unwrap();
            let read = Self {
                charged_twice: orders("SELECT order_id FROM captures GROUP BY 1 HAVING count(*) > 1 ORDER BY 1").await,
                shipped_twice: orders("SELECT order_id FROM parcels GROUP BY 1 HAVING count(*) > 1 ORDER BY 1").await,
                paid: orders(
                    "SELECT order_id FROM captures WHERE key NOT IN (SELECT key FROM refunds) GROUP BY 1 ORDER BY 1",
                )
                .await,
                returned_twice: orders(
                    "SELECT order_id FROM refunds GROUP BY order_id, key, capture_id HAVING count(*) > 1 ORDER BY 1",
                )
                .await,
                returned: orders("SELECT order_id FROM refunds WHERE key LIKE 'refund:%' ORDER BY 1").await,
                shipped: orders("SELECT order_id FROM parcels GROUP BY 1 ORDER BY 1").await,
            };
            books.close().await.unwrap();
            read
        })
    }
}

/// Writes into the books what the shop never asked for.
pub(crate) fn write(data: &Path, sql: &'static str) {
    write_into(&data.join("providers.db"), sql);
}

/// The same in any file of SQLite's.
pub(crate) fn write_into(file: &Path, sql: &'static str) {
    block_on(async {
        let mut file = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
        sqlx::raw_sql(sql).execute(&mut file).await.unwrap();
        file.close().await.unwrap();
    });
}
