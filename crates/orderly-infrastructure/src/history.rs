//! What the book says of each change, and where the change leads.

use std::borrow::Cow;

use orderly_orders::{
    OrderChange,
    domain::{CancelReason, OrderStatus},
};

/// The first step of every order.
pub(crate) const PLACED: &str = "The order was placed.";

/// What a change writes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry<'a> {
    /// The order moves.
    Step(Step<'a>),
    /// It stays where it is. Whether a person has to see to it, and why.
    Attention(Option<&'a str>),
}

/// A step of an order's history.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step<'a> {
    /// Where it leads.
    pub(crate) status: OrderStatus,
    /// What people read about it: one sentence.
    pub(crate) detail: Cow<'a, str>,
    /// Why, when it leads to Cancelled.
    pub(crate) cancel_reason: Option<CancelReason>,
}

/// What is written of a change.
pub(crate) fn entry(change: &OrderChange) -> Entry<'_> {
    let to = |status, detail: &'static str| Step { status, detail: Cow::Borrowed(detail), cancel_reason: None };
    Entry::Step(match change {
        OrderChange::Validated => to(OrderStatus::Validated, "Validated; stock was asked for."),
        OrderChange::PaymentStarted => to(OrderStatus::PaymentProcessing, "Stock is held; payment was asked for."),
        OrderChange::Paid { capture } => Step {
            status: OrderStatus::Paid,
            detail: format!("Paid (capture {capture}); a carrier was asked for.").into(),
            cancel_reason: None,
        },
        OrderChange::Shipped { tracking } => Step {
            status: OrderStatus::Shipped,
            detail: format!("The carrier has the parcel; its tracking number is {tracking}.").into(),
            cancel_reason: None,
        },
        OrderChange::Delivered => to(OrderStatus::Delivered, "The customer has the parcel."),
        OrderChange::Cancelled { reason, detail } => {
            Step { status: OrderStatus::Cancelled, detail: detail.into(), cancel_reason: Some(*reason) }
        }
        OrderChange::Expired => to(OrderStatus::Expired, "The order ran out of time; what was done is undone."),
        OrderChange::Halted { reason } => return Entry::Attention(Some(reason)),
        OrderChange::GoesOn => return Entry::Attention(None),
    })
}

/// From where the graph leads to `status`.
pub(crate) fn predecessors(status: OrderStatus) -> impl Iterator<Item = OrderStatus> {
    OrderStatus::ALL.into_iter().filter(move |before| before.can_become(status))
}
