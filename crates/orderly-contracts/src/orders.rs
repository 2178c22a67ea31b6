//! What the orders module announces and accepts.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use wharf::Timestamp;

use crate::{
    CustomerId, Money, OrderId, ProductId, Quantity, ReturnFate, ReturnNumber, message::messages_about_an_order,
};

messages_about_an_order! {
    "orders.order-created": Event OrderCreatedEvent by order_id,
    "orders.order-validated": Event OrderValidated by order.order_id,
    "orders.order-invalid": Event OrderInvalid by order.order_id,
    "orders.order-completed": Event OrderCompletedEvent by order_id,
    "orders.order-timeout": Event OrderTimeoutEvent by order_id,
    "orders.order-expired": Event OrderExpiredEvent by order_id,
    "orders.cancellation-requested": Command OrderCancellationRequested by order_id,
    "orders.order-returned": Event OrderReturned by order_id,
}

/// An order was saved as Pending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderCreatedEvent {
    pub order_id: OrderId,
    pub user_id: CustomerId,
    pub items: Vec<OrderedItem>,
    /// Present when there is exactly one item, for consumers that know orders of one product only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<ProductId>,
    pub total: Money,
}

/// One line as it was bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderedItem {
    pub product_id: ProductId,
    pub quantity: Quantity,
    pub unit_price: Money,
}

/// The order keeps every rule; fulfilment begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderValidated {
    pub order: PlacedOrder,
}

/// The order breaks rules; it is about to be cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderInvalid {
    pub order: PlacedOrder,
    pub problems: Vec<OrderProblem>,
}

/// What fulfilment needs to know of an order, none of which changes after it was placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlacedOrder {
    pub order_id: OrderId,
    /// Follows the order through logs and traces.
    pub correlation: Uuid,
    pub customer: CustomerId,
    pub lines: Vec<Line>,
    pub total: Money,
    /// On the wire, as its name there says, Unix time in microseconds.
    #[serde(rename = "createdAtUs")]
    pub created_at: Timestamp,
}

/// So many of a product, whatever they cost. A product may stand in several lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    pub product: ProductId,
    pub quantity: Quantity,
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderProblem {
    /// Where, as a path into the request: `items[3].quantity`.
    pub field: String,
    /// Stable, for programs: `quantity-not-positive`.
    pub code: String,
    /// One sentence, for people.
    pub message: String,
}

/// The order is paid. Published once, on first entry to Paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderCompletedEvent {
    pub order_id: OrderId,
    pub user_id: CustomerId,
    pub total: Money,
}

/// The sweep found the order without an update for ten minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderTimeoutEvent {
    pub order_id: OrderId,
}

/// The order ran out of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderExpiredEvent {
    pub order_id: OrderId,
    pub user_id: CustomerId,
    /// On the wire only when it is not the usual one.
    #[serde(default, skip_serializing_if = "ExpiryCause::is_stale")]
    pub cause: ExpiryCause,
}

/// Which clock an order ran out of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExpiryCause {
    /// Nothing happened to it for ten minutes before it was paid.
    #[default]
    Stale,
    /// It was not with a carrier thirty minutes after it was placed.
    Overdue,
}

impl ExpiryCause {
    // As serde asks for it.
    fn is_stale(&self) -> bool {
        *self == Self::Stale
    }
}

/// The customer, or staff for them, wants the order cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderCancellationRequested {
    pub order_id: OrderId,
    /// What the asker calls this cancellation, such as a credit note's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// A part of a delivered order came back, or all of it. Published once for each return, in the commit that records it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderReturned {
    pub order_id: OrderId,
    pub return_number: ReturnNumber,
    /// In product order; each product stands here at most once with each fate.
    pub lines: Vec<ReturnedLine>,
    /// To be given back: what these units cost in this order.
    pub refund: Money,
}

/// So many of a product, and what becomes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReturnedLine {
    pub product: ProductId,
    pub quantity: Quantity,
    pub fate: ReturnFate,
}
