//! The way back: first the parcel, then the money, then the stock. A step that its module cannot do raises an alarm, and
//! is asked for at intervals until it is done; none is ever skipped.

use std::time::Duration;

use wharf::{finish, stay, to};

use super::{
    Case, Ending, Event, Next, OrderChange, State, Timer, Undoing,
    asks::{ask_to_undo, tell},
    attention::halt,
    forward::{to_completed, to_shipped},
};

/// Back from where a parcel may have left. The order keeps its status until the carrier has said.
pub(super) fn undo_shipment(case: Case<'_>, ending: Ending) -> Next {
    begin(case, ending, Undoing::Shipment).disarm(Timer::Overall).disarm(Timer::Shipping)
}

/// Back from where payment may have begun.
pub(super) fn undo_payment(case: Case<'_>, ending: Ending) -> Next {
    let step = begin(case, ending, Undoing::Payment).disarm(Timer::Overall).disarm(Timer::Payment);
    tell(case.order, ending, step)
}

/// Back from where only stock may be held.
pub(super) fn undo_stock(case: Case<'_>, ending: Ending) -> Next {
    tell(case.order, ending, begin(case, ending, Undoing::Stock).disarm(Timer::Overall))
}

/// The parcel is being called back. Whichever comes first decides: that it will not leave, or that it has left.
pub(super) fn calling_back(case: Case<'_>, ending: Ending, event: Event) -> Next {
    match event {
        Event::ShipmentCancelled(_) => tell(case.order, ending, begin(case, ending, Undoing::Payment)),
        Event::Shipped(shipment) => to_shipped(case, shipment.tracking).disarm(Timer::Undoing),
        Event::Delivered(delivery) => to_completed(case, delivery.tracking),
        Event::TimedOut(Timer::Undoing) => {
            exhausted(case, ending, Undoing::Shipment, "the carrier does not say whether it has the parcel")
        }
        Event::PaymentDisputed(dispute) => {
            halt(State::Compensating { ending, undoing: Undoing::Shipment }, dispute.reason)
        }
        // The carrier refused; it still has to say that it will not take the parcel when it is asked again.
        Event::ShippingFailed(_)
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
        | Event::CancelRequested(_)
        | Event::Stale(_)
        | Event::TimedOut(Timer::Overall | Timer::Payment | Timer::Shipping | Timer::Delivery) => stay(),
    }
}

/// The carrier has a parcel that it had said would not leave. What was given back stays so, and nothing more is given
/// back until the parcel is.
pub(super) fn recalling(case: Case<'_>, ending: Ending, event: Event) -> Next {
    match event {
        // What was given back before is not given back twice.
        Event::ShipmentCancelled(answer) if answer.has_left => begin(case, ending, Undoing::Payment),
        // That none would leave was said before it left.
        Event::ShipmentCancelled(_) => stay(),
        Event::TimedOut(Timer::Undoing) => exhausted(case, ending, Undoing::Recall, LEFT_AFTER_ALL),
        Event::Shipped(_)
        | Event::Delivered(_)
        | Event::PaymentVoided(_)
        | Event::InventoryReleased(_)
        | Event::ShippingFailed(_)
        | Event::Validated(_)
        | Event::Invalid(_)
        | Event::InventoryReserved(_)
        | Event::ReservationFailed(_)
        | Event::PaymentStarted(_)
        | Event::PaymentApproved(_)
        | Event::PaymentDeclined(_)
        | Event::PaymentFailed(_)
        | Event::PaymentDisputed(_)
        | Event::CancelRequested(_)
        | Event::Stale(_)
        | Event::TimedOut(Timer::Overall | Timer::Payment | Timer::Shipping | Timer::Delivery) => stay(),
    }
}

/// The payment is being voided, or given back. A capture that overtakes that is given back before payments says voided.
pub(super) fn giving_back(case: Case<'_>, ending: Ending, event: Event) -> Next {
    match event {
        Event::PaymentVoided(_) => begin(case, ending, Undoing::Stock),
        Event::Shipped(_) | Event::Delivered(_) => exhausted(case, ending, Undoing::Recall, LEFT_AFTER_ALL),
        Event::TimedOut(Timer::Undoing) => {
            exhausted(case, ending, Undoing::Payment, "the payment cannot be given back")
        }
        Event::PaymentDisputed(dispute) => {
            halt(State::Compensating { ending, undoing: Undoing::Payment }, dispute.reason)
        }
        Event::Validated(_)
        | Event::Invalid(_)
        | Event::InventoryReserved(_)
        | Event::ReservationFailed(_)
        | Event::InventoryReleased(_)
        | Event::PaymentStarted(_)
        | Event::PaymentApproved(_)
        | Event::PaymentDeclined(_)
        | Event::PaymentFailed(_)
        | Event::ShippingFailed(_)
        | Event::ShipmentCancelled(_)
        | Event::CancelRequested(_)
        | Event::Stale(_)
        | Event::TimedOut(Timer::Overall | Timer::Payment | Timer::Shipping | Timer::Delivery) => stay(),
    }
}

/// The stock is being released.
pub(super) fn releasing(case: Case<'_>, ending: Ending, event: Event) -> Next {
    match event {
        Event::InventoryReleased(_) => finish(State::Failed),
        Event::Shipped(_) | Event::Delivered(_) => exhausted(case, ending, Undoing::Recall, LEFT_AFTER_ALL),
        Event::TimedOut(Timer::Undoing) => exhausted(case, ending, Undoing::Stock, "the stock cannot be released"),
        Event::PaymentDisputed(dispute) => {
            halt(State::Compensating { ending, undoing: Undoing::Stock }, dispute.reason)
        }
        Event::Validated(_)
        | Event::Invalid(_)
        | Event::InventoryReserved(_)
        | Event::ReservationFailed(_)
        | Event::PaymentStarted(_)
        | Event::PaymentApproved(_)
        | Event::PaymentDeclined(_)
        | Event::PaymentFailed(_)
        | Event::PaymentVoided(_)
        | Event::ShippingFailed(_)
        | Event::ShipmentCancelled(_)
        | Event::CancelRequested(_)
        | Event::Stale(_)
        | Event::TimedOut(Timer::Overall | Timer::Payment | Timer::Shipping | Timer::Delivery) => stay(),
    }
}

/// Over, and everything undone. Should a parcel leave even now, it is recalled, and a person is called.
pub(super) fn failed(case: Case<'_>, event: Event) -> Next {
    match event {
        Event::Shipped(_) | Event::Delivered(_) => ask_to_undo(case.order, Undoing::Recall, stay())
            .record(OrderChange::Halted { reason: LEFT_AFTER_ALL.to_owned() }),
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
        | Event::ShippingFailed(_)
        | Event::ShipmentCancelled(_)
        | Event::CancelRequested(_)
        | Event::Stale(_)
        | Event::TimedOut(_) => stay(),
    }
}

const LEFT_AFTER_ALL: &str = "the parcel left after all, and is being recalled";

/// A step begins: it is asked for, and has its time.
fn begin(case: Case<'_>, ending: Ending, undoing: Undoing) -> Next {
    ask(case, undoing, to(State::Compensating { ending, undoing }), case.deadlines.undoing)
}

/// Its time is over, or nobody but a person can do it: the alarm is raised, and it is asked for once more.
fn exhausted(case: Case<'_>, ending: Ending, undoing: Undoing, reason: &str) -> Next {
    ask(case, undoing, halt(State::Compensating { ending, undoing }, reason.to_owned()), case.deadlines.alarm)
}

fn ask(case: Case<'_>, undoing: Undoing, step: Next, patience: Duration) -> Next {
    ask_to_undo(case.order, undoing, step).after(patience, Timer::Undoing)
}
