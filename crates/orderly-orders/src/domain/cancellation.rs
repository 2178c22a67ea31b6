//! Why an order was cancelled, and until when a customer may ask for it.

use std::{fmt, str::FromStr};

use super::OrderStatus;

/// Why an order ended as Cancelled. Stored and shown in kebab-case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CancelReason {
    /// It broke a rule.
    Invalid,
    OutOfStock,
    PaymentDeclined,
    /// The customer asked for it.
    Customer,
    ShippingFailed,
}

impl CancelReason {
    pub const ALL: [Self; 5] =
        [Self::Invalid, Self::OutOfStock, Self::PaymentDeclined, Self::Customer, Self::ShippingFailed];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::OutOfStock => "out-of-stock",
            Self::PaymentDeclined => "payment-declined",
            Self::Customer => "customer",
            Self::ShippingFailed => "shipping-failed",
        }
    }
}

impl fmt::Display for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CancelReason {
    type Err = UnknownCancelReason;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text).ok_or(UnknownCancelReason)
    }
}

/// The text names no reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no reason for which orders are cancelled")]
pub struct UnknownCancelReason;

impl OrderStatus {
    /// A customer may ask until a carrier has the parcel. Of a paid order the carrier is asked first, so that it may turn
    /// out that it has left already. After that the way back is a return.
    pub const fn is_cancellable(self) -> bool {
        match self {
            Self::Pending | Self::Validated | Self::PaymentProcessing | Self::Paid => true,
            Self::Shipped | Self::Delivered | Self::Cancelled | Self::Expired => false,
        }
    }

    /// # Errors
    ///
    /// [`NoLongerCancellable`] once the order is with a carrier or at its end.
    pub const fn require_cancellable(self) -> Result<(), NoLongerCancellable> {
        if self.is_cancellable() { Ok(()) } else { Err(NoLongerCancellable { status: self }) }
    }
}

/// The customer asked too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an order that is {status} can no longer be cancelled")]
pub struct NoLongerCancellable {
    pub status: OrderStatus,
}

impl NoLongerCancellable {
    pub const CODE: &'static str = "no-longer-cancellable";
}
