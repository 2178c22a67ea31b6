//! What the notifications module accepts.

use serde::{Deserialize, Serialize};

use crate::{CustomerId, OrderId, TrackingNumber, message::messages_about_an_order};

messages_about_an_order! {
    "notifications.requested": Command NotificationRequested by order,
}

/// Tell the customer, once, what happened to the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationRequested {
    pub order: OrderId,
    pub customer: CustomerId,
    pub notice: Notice,
}

/// What happened. Completion and expiry are not here: notifications hears of them from the orders events themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Notice {
    Shipped {
        tracking: TrackingNumber,
    },
    Delivered,
    Cancelled {
        /// A cancel reason of the orders module in its text form, such as `out-of-stock`.
        reason: String,
    },
}
