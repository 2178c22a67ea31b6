//! Where an order stands, and the graph of what it may become.

use std::{fmt, str::FromStr};

/// Where an order stands. Stored and shown as its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderStatus {
    Pending,
    Validated,
    PaymentProcessing,
    Paid,
    Shipped,
    Delivered,
    Cancelled,
    Expired,
}

impl OrderStatus {
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Validated,
        Self::PaymentProcessing,
        Self::Paid,
        Self::Shipped,
        Self::Delivered,
        Self::Cancelled,
        Self::Expired,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Validated => "Validated",
            Self::PaymentProcessing => "PaymentProcessing",
            Self::Paid => "Paid",
            Self::Shipped => "Shipped",
            Self::Delivered => "Delivered",
            Self::Cancelled => "Cancelled",
            Self::Expired => "Expired",
        }
    }

    pub const fn phase(self) -> Phase {
        match self {
            Self::Pending => Phase::Pending,
            Self::Validated | Self::PaymentProcessing => Phase::Processing,
            Self::Paid | Self::Shipped | Self::Delivered => Phase::Completed,
            Self::Cancelled => Phase::Cancelled,
            Self::Expired => Phase::Expired,
        }
    }

    /// The whole graph. A parcel that is on its way can only arrive.
    pub const fn successors(self) -> &'static [Self] {
        match self {
            Self::Pending => &[Self::Validated, Self::Cancelled, Self::Expired],
            Self::Validated => &[Self::PaymentProcessing, Self::Cancelled, Self::Expired],
            Self::PaymentProcessing => &[Self::Paid, Self::Cancelled, Self::Expired],
            Self::Paid => &[Self::Shipped, Self::Cancelled, Self::Expired],
            Self::Shipped => &[Self::Delivered],
            Self::Delivered | Self::Cancelled | Self::Expired => &[],
        }
    }

    pub fn can_become(self, next: Self) -> bool {
        self.successors().contains(&next)
    }

    /// Takes one step of the graph.
    ///
    /// # Errors
    ///
    /// [`IllegalTransition`] when the graph has no such step; staying is no step.
    pub fn to(self, next: Self) -> Result<Self, IllegalTransition> {
        if self.can_become(next) { Ok(next) } else { Err(IllegalTransition { from: self, to: next }) }
    }

    pub const fn is_final(self) -> bool {
        self.successors().is_empty()
    }
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OrderStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(UnknownStatus)
    }
}

/// The coarse view of a status, for those who only ask how it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    Pending,
    Processing,
    Completed,
    Cancelled,
    Expired,
}

impl Phase {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Proves that a recorded history begins as Pending and follows the graph. An empty history is none.
///
/// # Errors
///
/// The first step that the graph does not have. A history that begins elsewhere fails as a step from Pending.
pub fn check_history(history: &[OrderStatus]) -> Result<(), IllegalTransition> {
    if let Some(&first) = history.first()
        && first != OrderStatus::Pending
    {
        return Err(IllegalTransition { from: OrderStatus::Pending, to: first });
    }
    history.windows(2).try_for_each(|step| step[0].to(step[1]).map(drop))
}

/// An order was asked to become what it cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an order that is {from} cannot become {to}")]
pub struct IllegalTransition {
    pub from: OrderStatus,
    pub to: OrderStatus,
}

impl IllegalTransition {
    pub const CODE: &'static str = "illegal-transition";
}

/// The text names no status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no order status")]
pub struct UnknownStatus;
