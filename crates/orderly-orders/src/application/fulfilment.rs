//! `order-saga`: an order from validation to delivery, or back to where nothing is held and nothing is taken.
//!
//! One function per state; every event is decided in every state. There are no wildcards, so an event that some state
//! forgets does not compile. A duplicate or an event that came too late is answered with `stay()`, on purpose.

use std::time::Duration;

use orderly_contracts::{
    CaptureId, TrackingNumber,
    inventory::{
        InventoryCommitRequested, InventoryReleaseRequested, InventoryReleased, InventoryReservationFailed,
        InventoryReservationRequested, InventoryReserved,
    },
    notifications::{Notice, NotificationRequested},
    orders::{
        OrderCancellationRequested, OrderCompletedEvent, OrderExpiredEvent, OrderInvalid, OrderTimeoutEvent,
        OrderValidated, PlacedOrder,
    },
    payments::{
        PaymentApproved, PaymentDeclined, PaymentProcessingRequested, PaymentStarted, PaymentVoidRequested,
        PaymentVoided,
    },
    shipping::{OrderDelivered, OrderShipped, OrderShippingRequested, ShippingFailed},
};
use serde::{Deserialize, Serialize};
use wharf::{Saga, Start, Step, begin, finish, stay, to};

use crate::domain::CancelReason;

/// From creation to the carrier's acceptance.
const OVERALL: Duration = Duration::from_secs(30 * 60);
/// For the carrier to accept a parcel, each time it is asked.
const SHIPPING: Duration = Duration::from_secs(5 * 60);
/// How often the carrier is asked again.
const SHIPPING_RETRIES_MAX: u8 = 2;
/// From the carrier's acceptance to the customer's door.
const DELIVERY: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// For a step back to be done, before it is asked for again. What fails for good is a dead letter meanwhile, which is
/// the alarm; once it is mended, the saga goes on by itself.
const UNDOING: Duration = Duration::from_secs(60 * 60);

/// The fulfilment of one order.
#[derive(Debug)]
pub struct Fulfilment;

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
    /// Nobody knows how to go on but a person.
    NeedsAttention { reason: String },
}

/// How an order ends that is not fulfilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// Cancelled because payment was declined.
    Declined,
    /// Cancelled by the customer.
    Withdrawn,
    /// Out of time.
    Expired,
}

/// Which step back is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Undoing {
    /// Payment is being voided; stock comes after.
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
    PaymentVoided(PaymentVoided),
    Shipped(OrderShipped),
    Delivered(OrderDelivered),
    ShippingFailed(ShippingFailed),
    CancelRequested(OrderCancellationRequested),
    /// The sweep found it without an update for ten minutes.
    Stale(OrderTimeoutEvent),
    TimedOut(Timer),
}

/// What it may wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timer {
    Overall,
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
    Paid { capture: CaptureId },
    Shipped { tracking: TrackingNumber },
    Delivered,
    Cancelled { reason: CancelReason, detail: String },
    Expired,
}

type Next = Step<Fulfilment>;

impl Saga for Fulfilment {
    const NAME: &'static str = "orders.fulfilment";
    type Facts = PlacedOrder;
    type State = State;
    type Event = Event;
    type Change = OrderChange;
    type Timer = Timer;

    fn start(event: Event) -> Start<Self> {
        match event {
            Event::Validated(OrderValidated { order }) => {
                let step = to(State::Created)
                    .record(OrderChange::Validated)
                    .send(InventoryReservationRequested { order: order.order_id, lines: order.lines.clone() })
                    .after(OVERALL, Timer::Overall);
                begin(order, step)
            }
            Event::Invalid(OrderInvalid { order, problems }) => {
                let detail = problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join(" ");
                let step = cancelled(&order, CancelReason::Invalid, detail);
                begin(order, step)
            }
            Event::InventoryReserved(_)
            | Event::ReservationFailed(_)
            | Event::InventoryReleased(_)
            | Event::PaymentStarted(_)
            | Event::PaymentApproved(_)
            | Event::PaymentDeclined(_)
            | Event::PaymentVoided(_)
            | Event::Shipped(_)
            | Event::Delivered(_)
            | Event::ShippingFailed(_)
            | Event::CancelRequested(_)
            | Event::Stale(_)
            | Event::TimedOut(_) => Start::TooEarly,
        }
    }

    fn step(order: &mut PlacedOrder, state: State, event: Event) -> Next {
        match state {
            State::Created => created(order, event),
            State::InventoryReserved => inventory_reserved(order, event),
            State::PaymentProcessing => payment_processing(order, event),
            State::Paid { retries } => paid(order, retries, event),
            State::Shipped => shipped(order, event),
            State::Compensating { ending, undoing } => compensating(order, ending, undoing, event),
            State::Completed | State::Failed | State::NeedsAttention { .. } => over(event),
        }
    }
}

fn created(order: &PlacedOrder, event: Event) -> Next {
    match event {
        Event::InventoryReserved(_) => to(State::InventoryReserved).send(PaymentProcessingRequested {
            order: order.order_id,
            customer: order.customer,
            amount: order.total,
        }),
        Event::ReservationFailed(failed) => {
            let short = failed.shortages.iter().map(|short| short.product.to_string()).collect::<Vec<_>>();
            let detail = format!("Not enough in stock of product {}.", short.join(", "));
            cancelled(order, CancelReason::OutOfStock, detail)
        }
        Event::CancelRequested(_) => undo_stock(order, Ending::Withdrawn),
        Event::Stale(_) | Event::TimedOut(Timer::Overall) => undo_stock(order, Ending::Expired),
        Event::Validated(_)
        | Event::Invalid(_)
        | Event::InventoryReleased(_)
        | Event::PaymentStarted(_)
        | Event::PaymentApproved(_)
        | Event::PaymentDeclined(_)
        | Event::PaymentVoided(_)
        | Event::Shipped(_)
        | Event::Delivered(_)
        | Event::ShippingFailed(_)
        | Event::TimedOut(Timer::Shipping | Timer::Delivery | Timer::Undoing) => stay(),
    }
}

fn inventory_reserved(order: &PlacedOrder, event: Event) -> Next {
    match event {
        Event::PaymentStarted(_) => to(State::PaymentProcessing).record(OrderChange::PaymentStarted),
        // The answer may overtake the news that the provider was asked.
        Event::PaymentApproved(payment) => ship(order, payment, to_paid().record(OrderChange::PaymentStarted)),
        Event::PaymentDeclined(_) => undo_payment(order, Ending::Declined),
        Event::CancelRequested(_) => undo_payment(order, Ending::Withdrawn),
        Event::Stale(_) | Event::TimedOut(Timer::Overall) => undo_payment(order, Ending::Expired),
        Event::Validated(_)
        | Event::Invalid(_)
        | Event::InventoryReserved(_)
        | Event::ReservationFailed(_)
        | Event::InventoryReleased(_)
        | Event::PaymentVoided(_)
        | Event::Shipped(_)
        | Event::Delivered(_)
        | Event::ShippingFailed(_)
        | Event::TimedOut(Timer::Shipping | Timer::Delivery | Timer::Undoing) => stay(),
    }
}

fn payment_processing(order: &PlacedOrder, event: Event) -> Next {
    match event {
        Event::PaymentApproved(payment) => ship(order, payment, to_paid()),
        Event::PaymentDeclined(_) => undo_payment(order, Ending::Declined),
        Event::CancelRequested(_) => undo_payment(order, Ending::Withdrawn),
        Event::Stale(_) | Event::TimedOut(Timer::Overall) => undo_payment(order, Ending::Expired),
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
        | Event::TimedOut(Timer::Shipping | Timer::Delivery | Timer::Undoing) => stay(),
    }
}

fn paid(order: &PlacedOrder, retries: u8, event: Event) -> Next {
    match event {
        Event::Shipped(shipment) => {
            hand_over(order, shipment.tracking, to(State::Shipped).after(DELIVERY, Timer::Delivery))
        }
        // The parcel may arrive before the news that it left.
        Event::Delivered(delivery) => arrive(order, hand_over(order, delivery.tracking, finish(State::Completed))),
        Event::TimedOut(Timer::Shipping) if retries < SHIPPING_RETRIES_MAX => {
            to(State::Paid { retries: retries + 1 }).send(shipping(order)).after(SHIPPING, Timer::Shipping)
        }
        Event::TimedOut(Timer::Shipping) => attention("the carrier does not answer"),
        Event::ShippingFailed(failed) => attention(&format!("the carrier refused: {}", failed.reason)),
        Event::TimedOut(Timer::Overall) => attention("paid, and not with a carrier after 30 minutes"),
        // Too late: the order is paid. The way back is a return.
        Event::CancelRequested(_)
        | Event::Validated(_)
        | Event::Invalid(_)
        | Event::InventoryReserved(_)
        | Event::ReservationFailed(_)
        | Event::InventoryReleased(_)
        | Event::PaymentStarted(_)
        | Event::PaymentApproved(_)
        | Event::PaymentDeclined(_)
        | Event::PaymentVoided(_)
        | Event::Stale(_)
        | Event::TimedOut(Timer::Delivery | Timer::Undoing) => stay(),
    }
}

fn shipped(order: &PlacedOrder, event: Event) -> Next {
    match event {
        Event::Delivered(_) => arrive(order, finish(State::Completed)),
        Event::TimedOut(Timer::Delivery) => attention("shipped, and not delivered after 14 days"),
        Event::Validated(_)
        | Event::Invalid(_)
        | Event::InventoryReserved(_)
        | Event::ReservationFailed(_)
        | Event::InventoryReleased(_)
        | Event::PaymentStarted(_)
        | Event::PaymentApproved(_)
        | Event::PaymentDeclined(_)
        | Event::PaymentVoided(_)
        | Event::Shipped(_)
        | Event::ShippingFailed(_)
        | Event::CancelRequested(_)
        | Event::Stale(_)
        | Event::TimedOut(Timer::Overall | Timer::Shipping | Timer::Undoing) => stay(),
    }
}

fn compensating(order: &PlacedOrder, ending: Ending, undoing: Undoing, event: Event) -> Next {
    match event {
        Event::PaymentVoided(_) => match undoing {
            Undoing::Payment => release(order, ending),
            Undoing::Stock => stay(),
        },
        Event::InventoryReleased(_) => match undoing {
            Undoing::Payment => stay(),
            Undoing::Stock => finish(State::Failed),
        },
        Event::TimedOut(Timer::Undoing) => match undoing {
            Undoing::Payment => ask_to_void(order, stay()),
            Undoing::Stock => ask_to_release(order, stay()),
        },
        // A capture that overtook the void is given back by payments before it says voided.
        Event::Validated(_)
        | Event::Invalid(_)
        | Event::InventoryReserved(_)
        | Event::ReservationFailed(_)
        | Event::PaymentStarted(_)
        | Event::PaymentApproved(_)
        | Event::PaymentDeclined(_)
        | Event::Shipped(_)
        | Event::Delivered(_)
        | Event::ShippingFailed(_)
        | Event::CancelRequested(_)
        | Event::Stale(_)
        | Event::TimedOut(Timer::Overall | Timer::Shipping | Timer::Delivery) => stay(),
    }
}

/// What is over is over: only late news and duplicates come now.
fn over(event: Event) -> Next {
    match event {
        Event::Validated(_)
        | Event::Invalid(_)
        | Event::InventoryReserved(_)
        | Event::ReservationFailed(_)
        | Event::InventoryReleased(_)
        | Event::PaymentStarted(_)
        | Event::PaymentApproved(_)
        | Event::PaymentDeclined(_)
        | Event::PaymentVoided(_)
        | Event::Shipped(_)
        | Event::Delivered(_)
        | Event::ShippingFailed(_)
        | Event::CancelRequested(_)
        | Event::Stale(_)
        | Event::TimedOut(_) => stay(),
    }
}

fn to_paid() -> Next {
    to(State::Paid { retries: 0 })
}

/// Paid: the shop tells, and the carrier is asked.
fn ship(order: &PlacedOrder, payment: PaymentApproved, step: Next) -> Next {
    step.record(OrderChange::Paid { capture: payment.capture })
        .publish(OrderCompletedEvent { order_id: order.order_id, user_id: order.customer, total: order.total })
        .send(shipping(order))
        .after(SHIPPING, Timer::Shipping)
}

fn shipping(order: &PlacedOrder) -> OrderShippingRequested {
    OrderShippingRequested { order: order.order_id, customer: order.customer, lines: order.lines.clone() }
}

/// The carrier has the parcel: what was held has left.
fn hand_over(order: &PlacedOrder, tracking: TrackingNumber, step: Next) -> Next {
    step.record(OrderChange::Shipped { tracking: tracking.clone() })
        .send(InventoryCommitRequested { order: order.order_id })
        .send(notice(order, Notice::Shipped { tracking }))
        .disarm(Timer::Shipping)
        .disarm(Timer::Overall)
}

/// The customer has the parcel.
fn arrive(order: &PlacedOrder, step: Next) -> Next {
    step.record(OrderChange::Delivered).send(notice(order, Notice::Delivered))
}

/// Cancelled before anything was held or taken.
fn cancelled(order: &PlacedOrder, reason: CancelReason, detail: String) -> Next {
    finish(State::Failed)
        .record(OrderChange::Cancelled { reason, detail })
        .send(notice(order, Notice::Cancelled { reason: reason.to_string() }))
}

/// Back from where payment may have begun: first the payment, then the stock.
fn undo_payment(order: &PlacedOrder, ending: Ending) -> Next {
    let step = to(State::Compensating { ending, undoing: Undoing::Payment });
    ask_to_void(order, tell(order, ending, step))
}

/// Back from where only stock may be held.
fn undo_stock(order: &PlacedOrder, ending: Ending) -> Next {
    tell(order, ending, release(order, ending))
}

fn release(order: &PlacedOrder, ending: Ending) -> Next {
    ask_to_release(order, to(State::Compensating { ending, undoing: Undoing::Stock }))
}

fn ask_to_void(order: &PlacedOrder, step: Next) -> Next {
    step.send(PaymentVoidRequested { order: order.order_id }).after(UNDOING, Timer::Undoing)
}

fn ask_to_release(order: &PlacedOrder, step: Next) -> Next {
    step.send(InventoryReleaseRequested { order: order.order_id }).after(UNDOING, Timer::Undoing)
}

/// Records how the order ends, and tells those who care.
fn tell(order: &PlacedOrder, ending: Ending, step: Next) -> Next {
    let step = step.disarm(Timer::Overall);
    let cancelled = |step: Next, reason: CancelReason, detail: &str| {
        step.record(OrderChange::Cancelled { reason, detail: detail.to_owned() })
            .send(notice(order, Notice::Cancelled { reason: reason.to_string() }))
    };
    match ending {
        Ending::Declined => cancelled(step, CancelReason::PaymentDeclined, "The payment was declined."),
        Ending::Withdrawn => cancelled(step, CancelReason::Customer, "The customer asked for it."),
        Ending::Expired => step
            .record(OrderChange::Expired)
            .publish(OrderExpiredEvent { order_id: order.order_id, user_id: order.customer }),
    }
}

fn notice(order: &PlacedOrder, notice: Notice) -> NotificationRequested {
    NotificationRequested { order: order.order_id, customer: order.customer, notice }
}

fn attention(reason: &str) -> Next {
    to(State::NeedsAttention { reason: reason.to_owned() })
}
