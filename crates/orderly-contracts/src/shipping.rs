//! What the shipping module announces and accepts.

use serde::{Deserialize, Serialize};

use crate::{CustomerId, OrderId, TrackingNumber, message::messages_about_an_order, orders::Line};

messages_about_an_order! {
    "shipping.order-shipping-requested": Command OrderShippingRequested by order,
    "shipping.order-shipped": Event OrderShipped by order,
    "shipping.order-delivered": Event OrderDelivered by order,
    "shipping.failed": Event ShippingFailed by order,
}

/// Hand the order to a carrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderShippingRequested {
    pub order: OrderId,
    pub customer: CustomerId,
    pub lines: Vec<Line>,
}

/// The carrier accepted the parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderShipped {
    pub order: OrderId,
    pub tracking: TrackingNumber,
}

/// The parcel is with the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderDelivered {
    pub order: OrderId,
    pub tracking: TrackingNumber,
}

/// No carrier takes the parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShippingFailed {
    pub order: OrderId,
    /// The carrier's words.
    pub reason: String,
}
