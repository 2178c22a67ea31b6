//! SQLite: how the file is opened, and the words in which its SQL differs.

/// The moment of a change. Here the clock says it, which every statement that needs it binds first.
macro_rules! now {
    () => {
        "$1"
    };
}

/// Is one of the numbers that are bound second, as rows.
macro_rules! listed {
    () => {
        " IN (SELECT CAST(value ->> 0 AS BIGINT) FROM json_each($2))"
    };
}

/// Keeps the rows that are read from others until the end of the transaction. Here nobody else writes meanwhile.
macro_rules! locked {
    () => {
        ""
    };
}

/// Where wharf keeps the instances of sagas.
macro_rules! sagas {
    () => {
        "wharf_sagas"
    };
}

/// Where wharf keeps their timers.
macro_rules! timers {
    () => {
        "wharf_timers"
    };
}

/// Where wharf keeps what was given up.
macro_rules! dead_letters {
    () => {
        "wharf_dead_letters"
    };
}

/// As [`locked`], for the stock in a join.
macro_rules! stock_locked {
    () => {
        ""
    };
}

#[path = "../both/audit_log.rs"]
mod audit_log;
#[path = "../both/book.rs"]
mod book;
#[path = "../both/catalog.rs"]
mod catalog;
#[path = "../both/ledger.rs"]
mod ledger;
#[path = "../both/notifications.rs"]
mod notifications;
#[path = "../both/orders.rs"]
mod orders;
#[path = "../both/overview.rs"]
mod overview;
#[path = "../both/payments.rs"]
mod payments;
#[path = "../both/refunds.rs"]
mod refunds;
#[path = "../both/returns.rs"]
mod returns;
#[path = "../both/shipments.rs"]
mod shipments;
#[path = "../both/stockroom.rs"]
mod stockroom;
#[path = "../both/users.rs"]
mod users;
#[path = "../both/warehouse.rs"]
mod warehouse;

use std::{path::Path, sync::Arc};

use sqlx::{SqliteConnection, SqlitePool};
use wharf::{Clock, Error, Tx};
use wharf_sqlite::{Migrations, Sqlite, SqliteTx};

/// The adapters, one for all ports.
pub(crate) struct Adapters {
    pool: SqlitePool,
    clock: Arc<dyn Clock>,
}

impl Adapters {
    pub(crate) fn new(engine: &Sqlite, clock: Arc<dyn Clock>) -> Self {
        Self { pool: engine.read_pool().clone(), clock }
    }

    /// The moment of a change, as bound for [`now`].
    fn now(&self) -> i64 {
        self.clock.now().as_micros()
    }
}

/// The transaction's connection.
async fn connection(tx: &mut Tx) -> Result<&mut SqliteConnection, Error> {
    tx.sqlite().await
}

/// Opens the file, makes it when it is not there, and brings the tables up to date.
pub(crate) async fn open(path: &Path, clock: &Arc<dyn Clock>) -> Result<Sqlite, Error> {
    let engine = Sqlite::options(path).clock(Arc::clone(clock)).open().await?;
    match engine.migrate(MIGRATIONS).await {
        Ok(()) => Ok(engine),
        Err(error) => {
            engine.close().await;
            Err(error)
        }
    }
}

/// One step for each module. What once ran anywhere is never edited, only added to.
const MIGRATIONS: Migrations = Migrations::of(
    "orderly",
    &[
        ("orders", include_str!("../../migrations/sqlite/0001_orders.sql")),
        ("catalog", include_str!("../../migrations/sqlite/0002_catalog.sql")),
        ("inventory", include_str!("../../migrations/sqlite/0003_inventory.sql")),
        ("payments", include_str!("../../migrations/sqlite/0004_payments.sql")),
        ("shipping", include_str!("../../migrations/sqlite/0005_shipping.sql")),
        ("notifications", include_str!("../../migrations/sqlite/0006_notifications.sql")),
        ("identity", include_str!("../../migrations/sqlite/0007_identity.sql")),
        ("orders under way", include_str!("../../migrations/sqlite/0008_orders_under_way.sql")),
        ("returns", include_str!("../../migrations/sqlite/0009_returns.sql")),
        ("order saga", include_str!("../../migrations/sqlite/0010_order_saga.sql")),
        ("attention", include_str!("../../migrations/sqlite/0011_attention.sql")),
        ("mail", include_str!("../../migrations/sqlite/0012_mail.sql")),
        ("audit log", include_str!("../../migrations/sqlite/0013_audit_log.sql")),
    ],
);
