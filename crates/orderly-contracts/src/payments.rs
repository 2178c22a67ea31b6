//! What the payments module announces and accepts.

use serde::{Deserialize, Serialize};

use crate::{CaptureId, CustomerId, Money, OrderId, message::messages_about_an_order};

messages_about_an_order! {
    "payments.processing-requested": Command PaymentProcessingRequested by order,
    "payments.started": Event PaymentStarted by order,
    "payments.approved": Event PaymentApproved by order,
    "payments.declined": Event PaymentDeclined by order,
    "payments.failed": Event PaymentFailed by order,
    "payments.disputed": Event PaymentDisputed by order,
    "payments.inquiry-requested": Command PaymentInquiryRequested by order,
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

/// The provider did not answer, however often it was asked. Whether it took money is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentFailed {
    pub order: OrderId,
    /// What went wrong the last time.
    pub reason: String,
}

/// The provider contradicts itself. What it said stands on record, all of it; a person decides what is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentDisputed {
    pub order: OrderId,
    /// Both answers, in one sentence.
    pub reason: String,
}

/// Nobody has heard of the payment for a while: ask the provider, by key, what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentInquiryRequested {
    pub order: OrderId,
}

/// Make sure that no money is kept for the order: what was not taken yet is never taken, and what was taken is given back.
/// The same before and after the order is paid; the answer is always [`PaymentVoided`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentVoidRequested {
    pub order: OrderId,
}

/// No money is kept for the order: none was taken, or it was given back. A capture that still arrives is refunded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentVoided {
    pub order: OrderId,
}
