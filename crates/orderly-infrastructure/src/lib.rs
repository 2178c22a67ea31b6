//! Adapters: the ports of every module, on SQLite and on PostgreSQL, and simulated providers with books of their own.
//!
//! Each adapter is written once, in `both/`, and compiled for each engine: `sqlite/` and `postgres/` supply the few words
//! that differ.
#![expect(clippy::duplicate_mod, reason = "each engine compiles the files of `both/` with its own words")]

/// A statement in one text for both engines: literals, and between them words that an engine or the file defines as
/// macros, such as `now`.
macro_rules! sql {
    ($($piece:tt)*) => { concat!($(piece!($piece)),*) };
}

/// A piece of [`sql`].
macro_rules! piece {
    ($text:literal) => {
        $text
    };
    ($word:ident) => {
        $word!()
    };
}

pub mod audit;
mod audit_log;
pub mod breaker;
mod history;
mod infrastructure;
mod metadata;
mod postgres;
pub mod reconciliation;
mod rows;
mod settings;
pub mod simulators;
mod smtp;
mod sqlite;
mod tenant_guard;

pub use audit_log::{AuditEntry, AuditLog};
pub use infrastructure::{ConnectError, Infrastructure};
pub use settings::{Broker, Database, Redis, Settings, Simulators};
pub use smtp::{Mail, Sender, SmtpServer};
