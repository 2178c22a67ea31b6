//! One call to the provider, and what is known of it.

use std::{fmt, str::FromStr};

/// What is known of one call to the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptState {
    /// Recorded before the call was made. If it stays so, we stopped in the middle of it.
    Submitted,
    /// The call broke; the provider may have acted.
    Lost,
    /// The provider did not act: it said so, or does not know the key.
    Missed,
    /// The answer comes later.
    Accepted,
    Approved,
    Declined,
}

impl AttemptState {
    pub const ALL: [Self; 6] =
        [Self::Submitted, Self::Lost, Self::Missed, Self::Accepted, Self::Approved, Self::Declined];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Lost => "lost",
            Self::Missed => "missed",
            Self::Accepted => "accepted",
            Self::Approved => "approved",
            Self::Declined => "declined",
        }
    }

    /// The whole graph.
    pub const fn successors(self) -> &'static [Self] {
        match self {
            Self::Submitted => &[Self::Lost, Self::Missed, Self::Accepted, Self::Approved, Self::Declined],
            Self::Lost => &[Self::Missed, Self::Accepted, Self::Approved, Self::Declined],
            Self::Accepted => &[Self::Approved, Self::Declined],
            Self::Missed | Self::Approved | Self::Declined => &[],
        }
    }

    /// Takes one step of the graph.
    ///
    /// # Errors
    ///
    /// [`IllegalAttempt`] when the graph has no such step; staying is no step.
    pub fn to(self, next: Self) -> Result<Self, IllegalAttempt> {
        if self.successors().contains(&next) { Ok(next) } else { Err(IllegalAttempt { from: self, to: next }) }
    }
}

impl fmt::Display for AttemptState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AttemptState {
    type Err = UnknownAttemptState;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(UnknownAttemptState)
    }
}

/// An attempt was asked to become what it cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a payment attempt that is {from} cannot become {to}")]
pub struct IllegalAttempt {
    pub from: AttemptState,
    pub to: AttemptState,
}

/// The text names no state of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no state of a payment attempt")]
pub struct UnknownAttemptState;
