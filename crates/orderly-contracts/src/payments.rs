//! What the payments module announces and accepts.

use serde::{Deserialize, Serialize};

use crate::{CaptureId, CustomerId, Money, OrderId, message::messages_about_an_order};

messages_about_an_order! {
    "payments.processing-requested": Command PaymentProcessingRequested by order,
    "payments.started": Event PaymentStarted by order,
    "payments.approved": Event PaymentApproved by order,
    "payments.declined": Event PaymentDeclined by order,
    "payments.void-requested": Command PaymentVoidRequested by order,
    "payments.voided": Event PaymentVoided by order,
}

/// Take this amount for the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentProcessingRequested {
    pub order: OrderId,
    pub customer: CustomerId,
    pub amount: Money,
}

/// The intent is on record; the provider is about to be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentStarted {
    pub order: OrderId,
}

/// The provider took the money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentApproved {
    pub order: OrderId,
    pub capture: CaptureId,
    pub amount: Money,
}

/// No money was taken, and asking again would not change that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentDeclined {
    pub order: OrderId,
    /// The provider's words.
    pub reason: String,
}

/// Make sure that no money is taken for the order any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentVoidRequested {
    pub order: OrderId,
}

/// No money was taken for the order. A capture that still arrives is refunded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentVoided {
    pub order: OrderId,
}
