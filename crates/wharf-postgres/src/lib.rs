//! wharf on PostgreSQL: store and transport in one database, in a schema of their own, for any number of processes.
//!
//! ```no_run
//! # async fn start() -> Result<(), wharf::Error> {
//! use wharf_postgres::Postgres;
//!
//! let engine = Postgres::connect("postgres://app@localhost/app").await?;
//! let worker = wharf::Worker::new(engine.clone());
//! # drop(worker); Ok(()) }
//! ```
//!
//! The database's clock decides every lease, delay and due date. Claims and settlements travel in batches; a delivery
//! that writes has a transaction and a commit of its own. Other processes are woken by `NOTIFY`, which is never part of
//! a transaction that waits for the disk.
//!
//! An application that has a pool and transactions of its own publishes within them: see [`JoinPostgres`], and the example
//! `existing_axum_app`, which adopts wharf in about ten lines.
//!
//! # Behind a pooler
//!
//! A pooler in transaction mode, such as PgBouncer, has to be said, and what listens needs a connection that goes straight
//! to the server:
//!
//! ```no_run
//! # async fn start() -> Result<(), wharf::Error> {
//! # use wharf_postgres::Postgres;
//! let engine = Postgres::options("postgres://app@pooler:6432/app")?
//!     .through_pooler()
//!     .listen_on("postgres://app@server:5432/app")?
//!     .connect()
//!     .await?;
//! # drop(engine); Ok(()) }
//! ```
//!
//! All else goes through the pooler: see [`PostgresOptions::through_pooler`] for what it costs and what the pooler must
//! have, and [`PostgresOptions::listen_on`] for how it is without. Handlers mind what they mind anyhow: a `SET` without
//! `LOCAL`, a temporary table or a session's advisory lock is of no use beyond its transaction.

mod claim;
mod dead_letters;
mod engine;
mod error;
mod history;
mod inbox;
mod join;
mod lanes;
mod migrations;
mod notify;
mod options;
mod prune;
mod renew;
mod row;
mod sagas;
mod schedules;
mod send;
mod session;
mod settle;
mod sharing;
mod signals;
mod store;
mod subscriptions;
mod survivors;
mod timers;
mod transaction;
mod transport;
mod turns;

pub use engine::Postgres;
pub use join::JoinPostgres;
pub use migrations::Migrations;
pub use options::PostgresOptions;
pub use transaction::PostgresTx;
