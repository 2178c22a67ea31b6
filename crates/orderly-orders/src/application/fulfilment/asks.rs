//! What the saga asks of the modules, and what it tells.

use orderly_contracts::{
    TrackingNumber,
    inventory::{InventoryCommitRequested, InventoryReleaseRequested},
    notifications::{Notice, NotificationRequested},
    orders::{ExpiryCause, OrderCompletedEvent, OrderExpiredEvent, PlacedOrder},
    payments::{PaymentApproved, PaymentProcessingRequested, PaymentVoidRequested},
    shipping::{OrderShippingRequested, ShipmentCancelRequested},
};
use wharf::finish;

use super::{Case, Ending, Next, OrderChange, State, Timer, Undoing};
use crate::domain::CancelReason;

pub(super) fn ask_for_payment(order: &PlacedOrder, step: Next) -> Next {
    step.send(PaymentProcessingRequested { order: order.order_id, customer: order.customer, amount: order.total })
}

/// Paid: the shop tells, and the carrier is asked.
pub(super) fn complete(case: Case<'_>, payment: PaymentApproved, step: Next) -> Next {
    let order = case.order;
    step.record(OrderChange::Paid { capture: payment.capture })
        .publish(OrderCompletedEvent { order_id: order.order_id, user_id: order.customer, total: order.total })
        .send(shipping(order, false))
        .after(case.deadlines.shipping, Timer::Shipping)
        .disarm(Timer::Payment)
}

pub(super) fn shipping(order: &PlacedOrder, again: bool) -> OrderShippingRequested {
    OrderShippingRequested { order: order.order_id, customer: order.customer, lines: order.lines.clone(), again }
}

/// The carrier has the parcel: what was held has left.
pub(super) fn hand_over(order: &PlacedOrder, tracking: TrackingNumber, step: Next) -> Next {
    step.record(OrderChange::Shipped { tracking: tracking.clone() })
        .send(InventoryCommitRequested { order: order.order_id })
        .send(notice(order, Notice::Shipped { tracking }))
        .disarm(Timer::Shipping)
        .disarm(Timer::Overall)
}

/// The customer has the parcel.
pub(super) fn arrive(order: &PlacedOrder, step: Next) -> Next {
    step.record(OrderChange::Delivered).send(notice(order, Notice::Delivered))
}

/// Cancelled before anything was held or taken.
pub(super) fn cancelled(order: &PlacedOrder, reason: CancelReason, detail: String) -> Next {
    cancel(order, reason, detail, finish(State::Failed))
}

/// Asks for a step of the way back.
pub(super) fn ask_to_undo(order: &PlacedOrder, undoing: Undoing, step: Next) -> Next {
    let order = order.order_id;
    match undoing {
        Undoing::Shipment => step.send(ShipmentCancelRequested { order, has_left: false }),
        Undoing::Recall => step.send(ShipmentCancelRequested { order, has_left: true }),
        Undoing::Payment => step.send(PaymentVoidRequested { order }),
        Undoing::Stock => step.send(InventoryReleaseRequested { order }),
    }
}

/// Records how the order ends, and tells those who care.
pub(super) fn tell(order: &PlacedOrder, ending: Ending, step: Next) -> Next {
    match ending {
        Ending::Declined => cancel(order, CancelReason::PaymentDeclined, "The payment was declined.", step),
        Ending::Withdrawn => cancel(order, CancelReason::Customer, "The customer asked for it.", step),
        Ending::NotShipped => cancel(order, CancelReason::ShippingFailed, "No carrier took the parcel.", step),
        Ending::Stale => expire(order, ExpiryCause::Stale, step),
        Ending::Overdue => expire(order, ExpiryCause::Overdue, step),
    }
}

fn cancel(order: &PlacedOrder, reason: CancelReason, detail: impl Into<String>, step: Next) -> Next {
    step.record(OrderChange::Cancelled { reason, detail: detail.into() })
        .send(notice(order, Notice::Cancelled { reason: reason.to_string() }))
}

fn expire(order: &PlacedOrder, cause: ExpiryCause, step: Next) -> Next {
    step.record(OrderChange::Expired).publish(OrderExpiredEvent {
        order_id: order.order_id,
        user_id: order.customer,
        cause,
    })
}

fn notice(order: &PlacedOrder, notice: Notice) -> NotificationRequested {
    NotificationRequested { order: order.order_id, customer: order.customer, notice }
}
