//! What is wrong with the configuration: all of it, each with its place, its key and what would be right.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// Such as `payments.delay`; empty when a whole file is wrong.
    pub(super) key: String,
    /// Where it stands, such as `environment variable DATABASE_URL`.
    pub(super) place: String,
    /// What is wrong, and what would be right.
    pub(super) message: String,
}

/// Why there is no configuration. Never empty.
#[derive(Debug, thiserror::Error)]
pub(crate) struct Problems(pub(super) Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.0.len();
        write!(f, "the configuration has {number} problem{}:", if number == 1 { "" } else { "s" })?;
        for Problem { key, place, message } in &self.0 {
            let separator = if key.is_empty() { "" } else { ": " };
            let message = message.trim().replace('\n', "\n    ");
            write!(f, "\n  {key}{separator}{message}\n    in {place}")?;
        }
        Ok(())
    }
}
