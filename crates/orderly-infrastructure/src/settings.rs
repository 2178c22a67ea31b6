//! Where the data lives, and how the simulated providers behave.

use std::{path::PathBuf, sync::Arc, time::Duration};

use wharf::{Clock, SystemClock};

use crate::smtp::Mail;

/// What [`Infrastructure::connect`](crate::Infrastructure::connect) needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where orders, and wharf's own tables, are kept.
    pub database: Database,
    /// What carries messages; without it the database does.
    pub broker: Option<Broker>,
    /// What carries signals between processes; without it the database does.
    pub redis: Option<Redis>,
    /// Where the simulated providers keep their books.
    pub data_dir: PathBuf,
    /// How they behave.
    pub simulators: Simulators,
    /// Who mails what customers are told; without it a line in the log stands for each mail.
    pub mail: Option<Mail>,
    /// What tells the time.
    pub clock: Arc<dyn Clock>,
}

/// The database.
#[derive(Clone)]
pub enum Database {
    /// One file, one process.
    Sqlite {
        /// Made when it is not there.
        path: PathBuf,
    },
    /// A server.
    Postgres {
        /// `postgres://user:password@host:port/database`. Never logged.
        url: String,
    },
}

/// A RabbitMQ.
#[derive(Clone)]
pub struct Broker {
    /// `amqp://user:password@host:port/vhost`. Never logged.
    pub url: String,
    /// What the names of its queues and exchanges begin with.
    pub prefix: String,
}

/// A Redis.
#[derive(Clone)]
pub struct Redis {
    /// `redis://user:password@host:port/database`. Never logged.
    pub url: String,
    /// What the names of its keys and channels begin with.
    pub prefix: String,
}

/// How the simulated payment provider and carrier behave. Every outcome is drawn from the seed and the call's key, so a
/// repeated key repeats its answer.
#[derive(Debug, Clone)]
pub struct Simulators {
    /// What outcomes are drawn from.
    pub seed: u64,
    /// From asking to the answer; zero answers at once.
    pub payment_delay: Duration,
    /// Share of payments that are approved, 0 to 1.
    pub approval_rate: f64,
    /// Share that stay undecided for ever. What remains is declined.
    pub pending_rate: f64,
    /// Who never gets an answer is first told to ask again after this long, then each time after as long as has passed.
    pub ask_again_min: Duration,
    /// Beyond this it is not told to wait.
    pub ask_again_max: Duration,
    /// Share of payments whose first call is heard, and answered into the void, 0 to 1.
    pub payment_lost_rate: f64,
    /// From the carrier's acceptance to the customer's door.
    pub delivery_delay: Duration,
    /// Share of parcels that the carrier refuses, 0 to 1.
    pub refusal_rate: f64,
    /// Share of parcels for which the carrier's desk is closed: it neither takes them nor answers, 0 to 1. It still says
    /// what it has, and lets itself be told that none will come.
    pub silence_rate: f64,
    /// Share of parcels that are taken the first time, while the answer is lost, 0 to 1.
    pub parcel_lost_rate: f64,
}

impl Default for Simulators {
    /// As the sources ask: half approved, half pending for ever, after five seconds; the carrier takes two.
    fn default() -> Self {
        Self {
            seed: 1,
            payment_delay: Duration::from_secs(5),
            approval_rate: 0.5,
            pending_rate: 0.5,
            ask_again_min: Duration::from_secs(5),
            ask_again_max: Duration::from_secs(60),
            payment_lost_rate: 0.0,
            delivery_delay: Duration::from_secs(2),
            refusal_rate: 0.0,
            silence_rate: 0.0,
            parcel_lost_rate: 0.0,
        }
    }
}

impl Settings {
    /// SQLite and books in one directory, on the machine's clock.
    pub fn in_directory(data_dir: impl Into<PathBuf>) -> Self {
        let data_dir = data_dir.into();
        Self {
            database: Database::Sqlite { path: data_dir.join("orderly.db") },
            broker: None,
            redis: None,
            data_dir,
            simulators: Simulators::default(),
            mail: None,
            clock: Arc::new(SystemClock),
        }
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite { path } => f.debug_struct("Sqlite").field("path", path).finish(),
            Self::Postgres { .. } => f.write_str("Postgres { url: … }"),
        }
    }
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
