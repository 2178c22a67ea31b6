//! `order-saga`: an order from validation to delivery, or back to where nothing is held and nothing is taken.
//!
//! One function per state, and per step of the way back; every event is decided in each. There are no wildcards, so an
//! event that some state forgets does not compile. A duplicate or an event that came too late is answered with `stay()`,
//! on purpose.

mod asks;
mod attention;
mod backward;
mod deadlines;
mod forward;

pub use deadlines::Deadlines;

use orderly_contracts::{
    CaptureId, TrackingNumber,
    inventory::{InventoryReleased, InventoryReservationFailed, InventoryReservationRequested, InventoryReserved},
    orders::{OrderCancellationRequested, OrderInvalid, OrderTimeoutEvent, OrderValidated, PlacedOrder},
    payments::{PaymentApproved, PaymentDeclined, PaymentDisputed, PaymentFailed, PaymentStarted, PaymentVoided},
    shipping::{OrderDelivered, OrderShipped, ShipmentCancelled, ShippingFailed},
};
use serde::{Deserialize, Serialize};
use wharf::{Saga, Start, Step, begin, to};

use crate::domain::CancelReason;

/// The fulfilment of one order.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fulfilment {
    /// How long it waits for what.
    pub deadlines: Deadlines,
}

/// Where fulfilment stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Validated; stock was asked for.
    Created,
    /// Stock is held; payment was asked for.
    InventoryReserved,
    /// The payment provider is being asked.
    PaymentProcessing,
    /// The money is here; the carrier was asked, and asked again so often.
    Paid { retries: u8 },
    /// The carrier has the parcel.
    Shipped,
    /// On the way back.
    Compensating { ending: Ending, undoing: Undoing },
    /// Delivered.
    Completed,
    /// Cancelled or expired, and everything undone.
    Failed,
    /// It does not go on by itself, and says so until a person has seen to it, or it goes on after all: what happens is
    /// decided as in the state that it is halted in.
    NeedsAttention { reason: String, halted: Box<State> },
}

/// How an order ends that is not fulfilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// Cancelled because payment was declined, or the provider never answered.
    Declined,
    /// Cancelled by the customer.
    Withdrawn,
    /// Cancelled because no carrier took it.
    NotShipped,
    /// Expired: nothing happened to it for too long.
    Stale,
    /// Expired: its time was over, and no carrier had it.
    Overdue,
}

/// Which step back is under way, in their order. The order has its ending once it is certain that no parcel leaves: until
/// the first step is done it is still Paid, and the parcel may still win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Undoing {
    /// The parcel is being called back.
    Shipment,
    /// The carrier has it after all, having said that it would not: it is being recalled, and the money follows it.
    Recall,
    /// Payment is being voided or given back.
    Payment,
    /// Stock is being released.
    Stock,
}

/// All that can happen to an order.
#[derive(Debug, Clone)]
pub enum Event {
    Validated(OrderValidated),
    Invalid(OrderInvalid),
    InventoryReserved(InventoryReserved),
    ReservationFailed(InventoryReservationFailed),
    InventoryReleased(InventoryReleased),
    PaymentStarted(PaymentStarted),
    PaymentApproved(PaymentApproved),
    PaymentDeclined(PaymentDeclined),
    PaymentFailed(PaymentFailed),
    PaymentDisputed(PaymentDisputed),
    PaymentVoided(PaymentVoided),
    Shipped(OrderShipped),
    Delivered(OrderDelivered),
    ShippingFailed(ShippingFailed),
    ShipmentCancelled(ShipmentCancelled),
    CancelRequested(OrderCancellationRequested),
    /// The sweep found it without an update for too long.
    Stale(OrderTimeoutEvent),
    TimedOut(Timer),
}

/// What it may wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timer {
    Overall,
    Payment,
    Shipping,
    Delivery,
    Undoing,
}

impl From<Timer> for Event {
    fn from(timer: Timer) -> Self {
        Self::TimedOut(timer)
    }
}

/// What is written into the order book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderChange {
    Validated,
    PaymentStarted,
    Paid {
        capture: CaptureId,
    },
    Shipped {
        tracking: TrackingNumber,
    },
    Delivered,
    Cancelled {
        reason: CancelReason,
        detail: String,
    },
    Expired,
    /// The order stays where it is, and a person has to see to it.
    Halted {
        reason: String,
    },
    /// It goes on; nobody has to.
    GoesOn,
}

type Next = Step<Fulfilment>;

impl Saga for Fulfilment {
    const NAME: &'static str = "orders.fulfilment";
    type Facts = PlacedOrder;
    type State = State;
    type Event = Event;
    type Change = OrderChange;
    type Timer = Timer;

    fn start(&self, event: Event) -> Start<Self> {
        match event {
            Event::Validated(OrderValidated { order }) => {
                let step = to(State::Created)
                    .record(OrderChange::Validated)
                    .send(InventoryReservationRequested { order: order.order_id, lines: order.lines.clone() })
                    .after(self.deadlines.overall, Timer::Overall);
                begin(order, step)
            }
            Event::Invalid(OrderInvalid { order, problems }) => {
                let detail = problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join(" ");
                let step = asks::cancelled(&order, CancelReason::Invalid, detail);
                begin(order, step)
            }
            Event::InventoryReserved(_)
            | Event::ReservationFailed(_)
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
            | Event::CancelRequested(_)
            | Event::Stale(_)
            | Event::TimedOut(_) => Start::TooEarly,
        }
    }

    fn step(&self, order: &mut PlacedOrder, state: State, event: Event) -> Next {
        decide(Case { order, deadlines: &self.deadlines }, state, event)
    }
}

/// What is decided about, and by what.
#[derive(Clone, Copy)]
struct Case<'a> {
    order: &'a PlacedOrder,
    deadlines: &'a Deadlines,
}

fn decide(case: Case<'_>, state: State, event: Event) -> Next {
    match state {
        State::Created => forward::created(case, event),
        State::InventoryReserved => forward::inventory_reserved(case, event),
        State::PaymentProcessing => forward::payment_processing(case, event),
        State::Paid { retries } => forward::paid(case, retries, event),
        State::Shipped => forward::shipped(case, event),
        State::Compensating { ending, undoing } => match undoing {
            Undoing::Shipment => backward::calling_back(case, ending, event),
            Undoing::Recall => backward::recalling(case, ending, event),
            Undoing::Payment => backward::giving_back(case, ending, event),
            Undoing::Stock => backward::releasing(case, ending, event),
        },
        State::Completed => forward::completed(event),
        State::Failed => backward::failed(case, event),
        State::NeedsAttention { reason: _, halted } => attention::halted(case, *halted, event),
    }
}
