//! The way to the customer's door.

use orderly_contracts::{TrackingNumber, payments::PaymentInquiryRequested};
use wharf::{finish, stay, to};

use super::{
    Case, Ending, Event, Next, OrderChange, State, Timer,
    asks::{arrive, ask_for_payment, cancelled, complete, hand_over, shipping},
    attention::halt,
    backward::{undo_payment, undo_shipment, undo_stock},
};
use crate::domain::CancelReason;

pub(super) fn created(case: Case<'_>, event: Event) -> Next {
    match event {
        Event::InventoryReserved(_) => ask_for_payment(case.order, to(State::InventoryReserved)),
        Event::ReservationFailed(failed) => {
            let short = failed.shortages.iter().map(|short| short.product.to_string()).collect::<Vec<_>>();
            let detail = format!("Not enough in stock of product {}.", short.join(", "));
            cancelled(case.order, CancelReason::OutOfStock, detail)
        }
        Event::CancelRequested(_) => undo_stock(case, Ending::Withdrawn),
        Event::Stale(_) => undo_stock(case, Ending::Stale),
        Event::TimedOut(Timer::Overall) => undo_stock(case, Ending::Overdue),
        Event::Validated(_)
        | Event::Invalid(_)
        | Event::InventoryReleased(_)
        | Event::PaymentStarted(_)
        | Event::PaymentApproved(_)
        | Event::PaymentDeclined(_)
        | Event::PaymentFailed(_)
        | Event::PaymentDisputed(_)
        | Event::PaymentVoided(_)
        | Event::Shipped(_)
        | Event::Delivered(_)
        | Event::ShippingFailed(_)
        | Event::ShipmentCancelled(_)
        | Event::TimedOut(Timer::Payment | Timer::Shipping | Timer::Delivery | Timer::Undoing) => stay(),
    }
}

pub(super) fn inventory_reserved(case: Case<'_>, event: Event) -> Next {
    match event {
        Event::PaymentStarted(_) => to(State::PaymentProcessing)
            .record(OrderChange::PaymentStarted)
            .after(case.deadlines.payment, Timer::Payment),
        // The answer may overtake the news that the provider was asked.
        Event::PaymentApproved(payment) => complete(case, payment, to_paid().record(OrderChange::PaymentStarted)),
        Event::PaymentDeclined(_) | Event::PaymentFailed(_) => undo_payment(case, Ending::Declined),
        Event::PaymentDisputed(dispute) => halt(State::InventoryReserved, dispute.reason),
        Event::CancelRequested(_) => undo_payment(case, Ending::Withdrawn),
        Event::Stale(_) => undo_payment(case, Ending::Stale),
        Event::TimedOut(Timer::Overall) => undo_payment(case, Ending::Overdue),
        Event::Validated(_)
        | Event::Invalid(_)
        | Event::InventoryReserved(_)
        | Event::ReservationFailed(_)
        | Event::InventoryReleased(_)
        | Event::PaymentVoided(_)
        | Event::Shipped(_)
        | Event::Delivered(_)
        | Event::ShippingFailed(_)
        | Event::ShipmentCancelled(_)
        | Event::TimedOut(Timer::Payment | Timer::Shipping | Timer::Delivery | Timer::Undoing) => stay(),
    }
}

pub(super) fn payment_processing(case: Case<'_>, event: Event) -> Next {
    match event {
        Event::PaymentApproved(payment) => complete(case, payment, to_paid()),
        Event::PaymentDeclined(_) | Event::PaymentFailed(_) => undo_payment(case, Ending::Declined),
        Event::PaymentDisputed(dispute) => halt(State::PaymentProcessing, dispute.reason),
        Event::TimedOut(Timer::Payment) => stay()
            .send(PaymentInquiryRequested { order: case.order.order_id })
            .after(case.deadlines.payment, Timer::Payment),
        Event::CancelRequested(_) => undo_payment(case, Ending::Withdrawn),
        Event::Stale(_) => undo_payment(case, Ending::Stale),
        Event::TimedOut(Timer::Overall) => undo_payment(case, Ending::Overdue),
        Event::Validated(_)
        | Event::Invalid(_)
        | Event::InventoryReserved(_)
        | Event::ReservationFailed(_)
        | Event::InventoryReleased(_)
        | Event::PaymentStarted(_)
        | Event::PaymentVoided(_)
        | Event::Shipped(_)
        | Event::Delivered(_)
        | Event::ShippingFailed(_)
        | Event::ShipmentCancelled(_)
        | Event::TimedOut(Timer::Shipping | Timer::Delivery | Timer::Undoing) => stay(),
    }
}

pub(super) fn paid(case: Case<'_>, retries: u8, event: Event) -> Next {
    match event {
        Event::Shipped(shipment) => to_shipped(case, shipment.tracking),
        // The parcel may arrive before the news that it left.
        Event::Delivered(delivery) => to_completed(case, delivery.tracking),
        Event::TimedOut(Timer::Shipping) if retries < case.deadlines.shipping_retries_max => {
            to(State::Paid { retries: retries + 1 })
                .send(shipping(case.order, true))
                .after(case.deadlines.shipping, Timer::Shipping)
        }
        Event::TimedOut(Timer::Shipping) | Event::ShippingFailed(_) => undo_shipment(case, Ending::NotShipped),
        Event::TimedOut(Timer::Overall) => undo_shipment(case, Ending::Overdue),
        Event::CancelRequested(_) => undo_shipment(case, Ending::Withdrawn),
        Event::PaymentDisputed(dispute) => halt(State::Paid { retries }, dispute.reason),
        Event::Validated(_)
        | Event::Invalid(_)
        | Event::InventoryReserved(_)
        | Event::ReservationFailed(_)
        | Event::InventoryReleased(_)
        | Event::PaymentStarted(_)
        | Event::PaymentApproved(_)
        | Event::PaymentDeclined(_)
        | Event::PaymentFailed(_)
        | Event::PaymentVoided(_)
        | Event::ShipmentCancelled(_)
        | Event::Stale(_)
        | Event::TimedOut(Timer::Payment | Timer::Delivery | Timer::Undoing) => stay(),
    }
}

pub(super) fn shipped(case: Case<'_>, event: Event) -> Next {
    match event {
        Event::Delivered(_) => arrive(case.order, finish(State::Completed)),
        Event::TimedOut(Timer::Delivery) => halt(State::Shipped, "shipped, and not delivered in time".to_owned()),
        Event::ShipmentCancelled(_) => {
            halt(State::Shipped, "shipped, and now the carrier says that it has no parcel".to_owned())
        }
        Event::PaymentDisputed(dispute) => halt(State::Shipped, dispute.reason),
        // Too late to cancel. The way back is a return.
        Event::CancelRequested(_)
        | Event::Validated(_)
        | Event::Invalid(_)
        | Event::InventoryReserved(_)
        | Event::ReservationFailed(_)
        | Event::InventoryReleased(_)
        | Event::PaymentStarted(_)
        | Event::PaymentApproved(_)
        | Event::PaymentDeclined(_)
        | Event::PaymentFailed(_)
        | Event::PaymentVoided(_)
        | Event::Shipped(_)
        | Event::ShippingFailed(_)
        | Event::Stale(_)
        | Event::TimedOut(Timer::Overall | Timer::Payment | Timer::Shipping | Timer::Undoing) => stay(),
    }
}

/// Over: only late news and duplicates come now.
pub(super) fn completed(event: Event) -> Next {
    match event {
        Event::PaymentDisputed(dispute) => stay().record(OrderChange::Halted { reason: dispute.reason }),
        Event::Validated(_)
        | Event::Invalid(_)
        | Event::InventoryReserved(_)
        | Event::ReservationFailed(_)
        | Event::InventoryReleased(_)
        | Event::PaymentStarted(_)
        | Event::PaymentApproved(_)
        | Event::PaymentDeclined(_)
        | Event::PaymentFailed(_)
        | Event::PaymentVoided(_)
        | Event::Shipped(_)
        | Event::Delivered(_)
        | Event::ShippingFailed(_)
        | Event::ShipmentCancelled(_)
        | Event::CancelRequested(_)
        | Event::Stale(_)
        | Event::TimedOut(_) => stay(),
    }
}

fn to_paid() -> Next {
    to(State::Paid { retries: 0 })
}

/// The carrier has the parcel.
pub(super) fn to_shipped(case: Case<'_>, tracking: TrackingNumber) -> Next {
    hand_over(case.order, tracking, to(State::Shipped).after(case.deadlines.delivery, Timer::Delivery))
}

/// The customer has it, and nobody had told that it left.
pub(super) fn to_completed(case: Case<'_>, tracking: TrackingNumber) -> Next {
    arrive(case.order, hand_over(case.order, tracking, finish(State::Completed)))
}
