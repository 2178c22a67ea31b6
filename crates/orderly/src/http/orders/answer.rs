//! How an order and its history look in an answer.

use orderly_orders::{
    OrderStep, OrderView,
    domain::{OrderStatus, SoldLine},
};
use serde::Serialize;

use crate::http::{amount::Amount, moment::Moment};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct OrderBody {
    id: i64,
    user_id: i64,
    reference: Option<String>,
    status: &'static str,
    /// The coarse view of the status: pending, processing, completed, cancelled, expired.
    phase: &'static str,
    cancel_reason: Option<&'static str>,
    /// While a person has to see to it.
    attention: Option<AttentionBody>,
    total: Amount,
    currency: String,
    items: Vec<ItemBody>,
    created_at: Moment,
    updated_at: Moment,
}

#[derive(Serialize)]
struct AttentionBody {
    /// Why, in one sentence.
    reason: String,
    since: Option<Moment>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemBody {
    product_id: i64,
    quantity: i64,
    /// How many of them a carrier took, and how many came back.
    shipped_quantity: i64,
    returned_quantity: i64,
    unit_price: Amount,
}

#[derive(Serialize)]
pub(in crate::http) struct EventBody {
    status: &'static str,
    phase: &'static str,
    /// What there is to say about it, in one sentence.
    detail: String,
    at: Moment,
}

impl From<OrderView> for OrderBody {
    fn from(order: OrderView) -> Self {
        Self {
            id: order.id.0,
            user_id: order.customer.0,
            reference: order.reference,
            status: order.status.as_str(),
            phase: order.status.phase().as_str(),
            cancel_reason: order.cancel_reason.map(|reason| reason.as_str()),
            attention: order
                .attention
                .map(|attention| AttentionBody { reason: attention.reason, since: attention.since.map(Moment) }),
            total: Amount(order.total),
            currency: order.total.currency.to_string(),
            items: order.lines.into_iter().map(|sold| ItemBody::of(sold, order.status)).collect(),
            created_at: Moment(order.created_at),
            updated_at: Moment(order.updated_at),
        }
    }
}

impl ItemBody {
    /// Orders are shipped whole.
    fn of(SoldLine { line, returned, .. }: SoldLine, status: OrderStatus) -> Self {
        let quantity = line.quantity.units();
        let is_shipped = matches!(status, OrderStatus::Shipped | OrderStatus::Delivered);
        Self {
            product_id: line.product.0,
            quantity,
            shipped_quantity: if is_shipped { quantity } else { 0 },
            returned_quantity: returned,
            unit_price: Amount(line.unit_price),
        }
    }
}

impl From<OrderStep> for EventBody {
    fn from(step: OrderStep) -> Self {
        Self {
            status: step.status.as_str(),
            phase: step.status.phase().as_str(),
            detail: step.detail,
            at: Moment(step.at),
        }
    }
}
