//! The way to the customer's door.

use orderly_contracts::{TrackingNumber, orders::PlacedOrder, payments::PaymentInquiryRequested};
use wharf::{finish, stay, to};

use super::{
    DELIVERY, Ending, Event, Next, OrderChange, PAYMENT, SHIPPING, SHIPPING_RETRIES_MAX, State, Timer,
    asks::{arrive, ask_for_payment, cancelled, complete, hand_over, shipping},
    attention::halt,
    backward::{undo_payment, undo_shipment, undo_stock},
};
use crate::domain::CancelReason;

pub(super) fn created(order: &PlacedOrder, event: Event) -> Next {
    match event {
        Event::InventoryReserved(_) => ask_for_payment(order, to(State::InventoryReserved)),
        Event::ReservationFailed(failed) => {
            let short = failed.shortages.iter().map(|short| short.product.to_string()).collect::<Vec<_>>();
            let detail = format!("Not enough in stock of product {}.", short.join(", "));
            cancelled(order, CancelReason::OutOfStock, detail)
        }
        Event::CancelRequested(_) => undo_stock(order, Ending::Withdrawn),
        Event::Stale(_) => undo_stock(order, Ending::Stale),
        Event::TimedOut(Timer::Overall) => undo_stock(order, Ending::Overdue),
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

pub(super) fn inventory_reserved(order: &PlacedOrder, event: Event) -> Next {
    match event {
        Event::PaymentStarted(_) => {
            to(State::PaymentProcessing).record(OrderChange::PaymentStarted).after(PAYMENT, Timer::Payment)
        }
        // The answer may overtake the news that the provider was asked.
        Event::PaymentApproved(payment) => complete(order, payment, to_paid().record(OrderChange::PaymentStarted)),
        Event::PaymentDeclined(_) | Event::PaymentFailed(_) => undo_payment(order, Ending::Declined),
        Event::PaymentDisputed(dispute) => halt(State::InventoryReserved, dispute.reason),
        Event::CancelRequested(_) => undo_payment(order, Ending::Withdrawn),
        Event::Stale(_) => undo_payment(order, Ending::Stale),
        Event::TimedOut(Timer::Overall) => undo_payment(order, Ending::Overdue),
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

pub(super) fn payment_processing(order: &PlacedOrder, event: Event) -> Next {
    match event {
        Event::PaymentApproved(payment) => complete(order, payment, to_paid()),
        Event::PaymentDeclined(_) | Event::PaymentFailed(_) => undo_payment(order, Ending::Declined),
        Event::PaymentDisputed(dispute) => halt(State::PaymentProcessing, dispute.reason),
        Event::TimedOut(Timer::Payment) => {
            stay().send(PaymentInquiryRequested { order: order.order_id }).after(PAYMENT, Timer::Payment)
        }
        Event::CancelRequested(_) => undo_payment(order, Ending::Withdrawn),
        Event::Stale(_) => undo_payment(order, Ending::Stale),
        Event::TimedOut(Timer::Overall) => undo_payment(order, Ending::Overdue),
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

pub(super) fn paid(order: &PlacedOrder, retries: u8, event: Event) -> Next {
    match event {
        Event::Shipped(shipment) => to_shipped(order, shipment.tracking),
        // The parcel may arrive before the news that it left.
        Event::Delivered(delivery) => to_completed(order, delivery.tracking),
        Event::TimedOut(Timer::Shipping) if retries < SHIPPING_RETRIES_MAX => {
            to(State::Paid { retries: retries + 1 }).send(shipping(order, true)).after(SHIPPING, Timer::Shipping)
        }
        Event::TimedOut(Timer::Shipping) | Event::ShippingFailed(_) => undo_shipment(order, Ending::NotShipped),
        Event::TimedOut(Timer::Overall) => undo_shipment(order, Ending::Overdue),
        Event::CancelRequested(_) => undo_shipment(order, Ending::Withdrawn),
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

pub(super) fn shipped(order: &PlacedOrder, event: Event) -> Next {
    match event {
        Event::Delivered(_) => arrive(order, finish(State::Completed)),
        Event::TimedOut(Timer::Delivery) => halt(State::Shipped, "shipped, and not delivered after 14 days".to_owned()),
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
pub(super) fn to_shipped(order: &PlacedOrder, tracking: TrackingNumber) -> Next {
    hand_over(order, tracking, to(State::Shipped).after(DELIVERY, Timer::Delivery))
}

/// The customer has it, and nobody had told that it left.
pub(super) fn to_completed(order: &PlacedOrder, tracking: TrackingNumber) -> Next {
    arrive(order, hand_over(order, tracking, finish(State::Completed)))
}
