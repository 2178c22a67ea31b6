//! What the shipping module announces and accepts.

use serde::{Deserialize, Serialize};

use crate::{CustomerId, OrderId, TrackingNumber, message::messages_about_an_order, orders::Line};

messages_about_an_order! {
    "shipping.order-shipping-requested": Command OrderShippingRequested by order,
    "shipping.order-shipped": Event OrderShipped by order,
    "shipping.order-delivered": Event OrderDelivered by order,
    "shipping.failed": Event ShippingFailed by order,
    "shipping.cancel-requested": Command ShipmentCancelRequested by order,
    "shipping.cancelled": Event ShipmentCancelled by order,
}

/// Hand the order to a carrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderShippingRequested {
    pub order: OrderId,
    pub customer: CustomerId,
    pub lines: Vec<Line>,
    /// It was asked for before, and nobody answered: the carrier is first asked what it already has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
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

/// Call the parcel back, or keep it from ever leaving. The answer is [`ShipmentCancelled`], or the truth: [`OrderShipped`]
/// when the carrier has the parcel already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShipmentCancelRequested {
    pub order: OrderId,
    /// The carrier has said that it has the parcel: it is to come back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_left: bool,
}

/// No parcel left for the order, and none will; or it came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShipmentCancelled {
    pub order: OrderId,
    /// As it was asked: it is the parcel that had left, and came back. An answer from before it left says nothing about that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_left: bool,
}
