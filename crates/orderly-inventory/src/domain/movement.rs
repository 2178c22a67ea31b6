//! Why what lies in the warehouse changes. What is on hand is the sum of all movements; holding and releasing move nothing.

use std::{fmt, str::FromStr};

/// One change of what lies in the warehouse, made by its staff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    pub kind: MovementKind,
    /// What came; below zero, what went. Never zero.
    pub units: i64,
    /// What the staff call it: the number of a delivery note or of a stock-take.
    pub reference: Option<String>,
}

/// What made units come or go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MovementKind {
    /// They were there at the opening, or a supplier brought them.
    Received,
    /// They left with an order's parcel.
    Shipped,
    /// They came back from an order, and can be sold again.
    Returned,
    /// Somebody counted, and there were more or fewer than the books said.
    Adjusted,
}

impl MovementKind {
    pub const ALL: [Self; 4] = [Self::Received, Self::Shipped, Self::Returned, Self::Adjusted];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Shipped => "shipped",
            Self::Returned => "returned",
            Self::Adjusted => "adjusted",
        }
    }
}

impl fmt::Display for MovementKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for MovementKind {
    type Err = UnknownMovementKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownMovementKind)
    }
}

/// The text names no kind of movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no kind of movement")]
pub struct UnknownMovementKind;
