//! What becomes of goods that came back: on the wire and in the database in kebab-case.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What becomes of what came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReturnFate {
    /// It lies on the shelf again, and can be sold.
    Restock,
    /// It is broken or spoilt: paid back, and never sold again.
    WriteOff,
}

impl ReturnFate {
    pub const ALL: [Self; 2] = [Self::Restock, Self::WriteOff];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Restock => "restock",
            Self::WriteOff => "write-off",
        }
    }
}

impl fmt::Display for ReturnFate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ReturnFate {
    type Err = UnknownReturnFate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|fate| fate.as_str() == text).ok_or(UnknownReturnFate)
    }
}

/// The text names no fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what came back is for `restock` or `write-off`")]
pub struct UnknownReturnFate;
