//! The fulfilment saga: told in stories, checked against all that may go wrong, and drawn.

mod checked;
mod drawn;
mod stories;

use orderly_contracts::{
    CaptureId, Currency, CustomerId, Money, OrderId, ProductId, Quantity, TrackingNumber,
    inventory::{InventoryReleased, InventoryReservationFailed, InventoryReserved, Shortage},
    orders::{
        Line, OrderCancellationRequested, OrderInvalid, OrderProblem, OrderTimeoutEvent, OrderValidated, PlacedOrder,
    },
    payments::{PaymentApproved, PaymentDeclined, PaymentDisputed, PaymentFailed, PaymentStarted, PaymentVoided},
    shipping::{OrderDelivered, OrderShipped, ShipmentCancelled, ShippingFailed},
};
use orderly_orders::Event;
use uuid::Uuid;
use wharf::Timestamp;

const ORDER: OrderId = OrderId(7);

fn order() -> PlacedOrder {
    PlacedOrder {
        order_id: ORDER,
        correlation: Uuid::nil(),
        customer: CustomerId(2),
        lines: vec![Line { product: ProductId(1), quantity: Quantity::ONE }],
        total: Money::new(12_999, Currency::USD),
        created_at: Timestamp::from_micros(0),
    }
}

fn validated() -> Event {
    Event::Validated(OrderValidated { order: order() })
}

fn invalid() -> Event {
    let problem = OrderProblem {
        field: "items[0].productId".to_owned(),
        code: "unknown-product".to_owned(),
        message: "There is no product 1.".to_owned(),
    };
    Event::Invalid(OrderInvalid { order: order(), problems: vec![problem] })
}

fn reserved() -> Event {
    Event::InventoryReserved(InventoryReserved { order: ORDER })
}

fn out_of_stock() -> Event {
    let shortages = vec![Shortage { product: ProductId(1), wanted: 1, available: 0 }];
    Event::ReservationFailed(InventoryReservationFailed { order: ORDER, shortages })
}

fn released() -> Event {
    Event::InventoryReleased(InventoryReleased { order: ORDER })
}

fn started() -> Event {
    Event::PaymentStarted(PaymentStarted { order: ORDER })
}

fn approved() -> Event {
    Event::PaymentApproved(PaymentApproved { order: ORDER, capture: CaptureId::new("cap-1"), amount: order().total })
}

fn declined() -> Event {
    Event::PaymentDeclined(PaymentDeclined { order: ORDER, reason: "no funds".to_owned() })
}

fn unanswered() -> Event {
    Event::PaymentFailed(PaymentFailed { order: ORDER, reason: "timeout".to_owned() })
}

fn disputed() -> Event {
    Event::PaymentDisputed(PaymentDisputed { order: ORDER, reason: "taken, and declined".to_owned() })
}

fn voided() -> Event {
    Event::PaymentVoided(PaymentVoided { order: ORDER })
}

fn shipped() -> Event {
    Event::Shipped(OrderShipped { order: ORDER, tracking: TrackingNumber::new("T1") })
}

fn delivered() -> Event {
    Event::Delivered(OrderDelivered { order: ORDER, tracking: TrackingNumber::new("T1") })
}

fn refused() -> Event {
    Event::ShippingFailed(ShippingFailed { order: ORDER, reason: "too heavy".to_owned() })
}

fn called_back() -> Event {
    Event::ShipmentCancelled(ShipmentCancelled { order: ORDER, has_left: false })
}

fn came_back() -> Event {
    Event::ShipmentCancelled(ShipmentCancelled { order: ORDER, has_left: true })
}

fn cancel() -> Event {
    Event::CancelRequested(OrderCancellationRequested { order_id: ORDER, reference: None })
}

fn stale() -> Event {
    Event::Stale(OrderTimeoutEvent { order_id: ORDER })
}
