//! PostgreSQL: how the server is reached, and the words in which its SQL differs.

/// The moment of a change. Here the database says it, so that all processes agree; the clock's moment, which is bound
/// first, is left unread. A subquery, so that it is asked once for the statement and may bound an index scan.
macro_rules! now {
    () => {
        "(SELECT wharf.wharf_now())"
    };
}

/// Is one of the numbers that are bound second, as rows. An array, so that each is looked up in the index.
macro_rules! listed {
    () => {
        " = ANY (ARRAY(SELECT CAST(value ->> 0 AS BIGINT) FROM json_each($2)))"
    };
}

/// Keeps the rows that are read from others until the end of the transaction.
macro_rules! locked {
    () => {
        " FOR UPDATE"
    };
}

/// Where wharf keeps the instances of sagas.
macro_rules! sagas {
    () => {
        "wharf.sagas"
    };
}

/// Where wharf keeps their timers.
macro_rules! timers {
    () => {
        "wharf.timers"
    };
}

/// Where wharf keeps what was given up.
macro_rules! dead_letters {
    () => {
        "wharf.dead_letters"
    };
}

/// As [`locked`], for the stock in a join.
macro_rules! stock_locked {
    () => {
        " FOR UPDATE OF stock"
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

use std::sync::Arc;

use sqlx::{PgConnection, PgPool};
use wharf::{Clock, Error, Tx};
use wharf_postgres::{Migrations, Postgres, PostgresTx};

/// The adapters, one for all ports.
pub(crate) struct Adapters {
    pool: PgPool,
    clock: Arc<dyn Clock>,
}

impl Adapters {
    pub(crate) fn new(engine: &Postgres, clock: Arc<dyn Clock>) -> Self {
        Self { pool: engine.pool().clone(), clock }
    }

    /// Bound where SQLite reads the moment of a change; see [`now`].
    fn now(&self) -> i64 {
        self.clock.now().as_micros()
    }
}

/// The transaction's connection.
async fn connection(tx: &mut Tx) -> Result<&mut PgConnection, Error> {
    tx.postgres().await
}

/// Connects, and brings the schema `orderly` up to date.
pub(crate) async fn connect(url: &str, clock: &Arc<dyn Clock>) -> Result<Postgres, Error> {
    let options = Postgres::options(url)?.clock(Arc::clone(clock));
    let options = SETTINGS.iter().fold(options, |options, (name, value)| options.setting(name, value));
    let engine = options.connect().await?;
    match engine.migrate(MIGRATIONS).await {
        Ok(()) => Ok(engine),
        Err(error) => {
            engine.close().await;
            Err(error)
        }
    }
}

/// Names without a schema are ours. And every statement finds its rows by a key: a plan that was made while a table was
/// small, and is kept, must not scan it once it is large.
const SETTINGS: [(&str, &str); 4] =
    [("search_path", "orderly"), ("random_page_cost", "1.1"), ("enable_seqscan", "off"), ("jit", "off")];

/// One step for each module. What once ran anywhere is never edited, only added to.
const MIGRATIONS: Migrations = Migrations::of(
    "orderly",
    &[
        ("rows", include_str!("../../migrations/postgres/0001_rows.sql")),
        ("orders", include_str!("../../migrations/postgres/0002_orders.sql")),
        ("catalog", include_str!("../../migrations/postgres/0003_catalog.sql")),
        ("inventory", include_str!("../../migrations/postgres/0004_inventory.sql")),
        ("payments", include_str!("../../migrations/postgres/0005_payments.sql")),
        ("shipping", include_str!("../../migrations/postgres/0006_shipping.sql")),
        ("notifications", include_str!("../../migrations/postgres/0007_notifications.sql")),
        ("identity", include_str!("../../migrations/postgres/0008_identity.sql")),
        ("orders under way", include_str!("../../migrations/postgres/0009_orders_under_way.sql")),
        ("returns", include_str!("../../migrations/postgres/0010_returns.sql")),
        ("order saga", include_str!("../../migrations/postgres/0011_order_saga.sql")),
        ("attention", include_str!("../../migrations/postgres/0012_attention.sql")),
        ("mail", include_str!("../../migrations/postgres/0013_mail.sql")),
        ("audit log", include_str!("../../migrations/postgres/0014_audit_log.sql")),
    ],
);
