//! What a notification is about. Of each there is at most one per order.

use std::{fmt, str::FromStr};

use orderly_contracts::OrderId;

/// Stored and shown as its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotificationType {
    OrderCompleted,
    OrderExpired,
    OrderShipped,
    OrderDelivered,
    OrderCancelled,
}

impl NotificationType {
    pub const ALL: [Self; 5] =
        [Self::OrderCompleted, Self::OrderExpired, Self::OrderShipped, Self::OrderDelivered, Self::OrderCancelled];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OrderCompleted => "OrderCompleted",
            Self::OrderExpired => "OrderExpired",
            Self::OrderShipped => "OrderShipped",
            Self::OrderDelivered => "OrderDelivered",
            Self::OrderCancelled => "OrderCancelled",
        }
    }

    /// What stands above a mail about it: one line, without a word that is not ours.
    pub fn subject(self, order: OrderId) -> String {
        let happened = match self {
            Self::OrderCompleted => "completed",
            Self::OrderExpired => "expired",
            Self::OrderShipped => "shipped",
            Self::OrderDelivered => "delivered",
            Self::OrderCancelled => "cancelled",
        };
        format!("Order #{order} {happened}")
    }
}

impl fmt::Display for NotificationType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for NotificationType {
    type Err = UnknownNotificationType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownNotificationType)
    }
}

/// The text names no type of notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no type of notification")]
pub struct UnknownNotificationType;
