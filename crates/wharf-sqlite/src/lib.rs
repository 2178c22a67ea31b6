//! wharf on SQLite: store and transport in one file, embedded in your process, with no server at all.
//!
//! ```no_run
//! # async fn start() -> Result<(), wharf::Error> {
//! use wharf_sqlite::Sqlite;
//!
//! let engine = Sqlite::open("data/app.db").await?;
//! let worker = wharf::Worker::new(engine.clone());
//! # drop(worker); Ok(()) }
//! ```
//!
//! One process owns the file, one connection writes. Consecutive deliveries share a commit, each in a savepoint of its
//! own, so that a durable commit (`synchronous=FULL`) is paid once for many. Reads go through a pool beside it.
//!
//! The one writer is wharf's. A connection of your own that writes to the same file would wait for it and be waited for,
//! so there is no joining of your transactions here: begin with [`wharf::Client::begin`] and write through
//! [`work.tx.sqlite()`](SqliteTx).

mod claim;
mod dead_letters;
mod deliveries;
mod engine;
mod error;
mod guard;
mod history;
mod inbox;
mod lock;
mod migrations;
mod options;
mod prune;
mod sagas;
mod schedules;
mod script;
mod store;
mod subscriptions;
mod survivors;
mod timers;
mod transaction;
mod transport;
mod turn;
mod turns;
mod writer;

pub use engine::Sqlite;
pub use migrations::Migrations;
pub use options::{SqliteOptions, Synchronous};
pub use transaction::SqliteTx;
