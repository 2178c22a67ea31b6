//! What a process is there for: everything, or one half of it beside others that do the other.

use std::fmt;

use crate::{config::Config, exit::Unusable};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// API, worker and periodic tasks.
    Everything,
    /// Takes orders. What they cause is done by workers.
    Api,
    /// Does what orders cause, and what is due.
    Worker,
}

impl Role {
    /// Whether deliveries are handled here.
    pub(crate) fn works(self) -> bool {
        match self {
            Self::Everything | Self::Worker => true,
            Self::Api => false,
        }
    }

    /// Refuses a database that only one process can have.
    pub(crate) fn check(self, config: &Config) -> Result<(), Unusable> {
        if self == Self::Everything || config.database.url.is_some() {
            return Ok(());
        }
        Err(Unusable(format!(
            "`orderly {self}` shares its database with other processes, which SQLite does not: set DATABASE_URL or \
             database.url to a PostgreSQL, or run everything in one process with `orderly up`"
        )))
    }
}

/// As on the command line.
impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Everything => "up",
            Self::Api => "api",
            Self::Worker => "worker",
        })
    }
}
