//! What the orders module does: one file per use case, consumer and saga.

mod cancel_order;
mod expire_stale_orders;
mod fulfilment;
mod overview;
mod place_order;
mod ports;
mod record_fulfilment;
mod return_items;
mod validate_order;

pub use cancel_order::{CancelError, CancelOutcome, cancel_order};
pub use expire_stale_orders::ExpireStaleOrders;
pub use fulfilment::{Deadlines, Ending, Event, Fulfilment, OrderChange, State, Timer, Undoing};
pub use overview::{Overview, Pace, Stall, Stalled, Totals};
pub use place_order::{PlaceOrder, Placed, PlacementError, place_order};
pub use ports::{Attention, Book, OrderFilter, OrderStep, OrderView, Orders, Ports, Returns, Settings, StoredOrder};
pub use return_items::{ReturnError, ReturnItems, Returned, StoredReturn, return_items};

use std::time::Duration;

use wharf::{Module, Overlap, Retry, SagaConsumer, Schedule, Timetable};

use record_fulfilment::FulfilmentRecorder;

/// The module, as a worker runs it.
pub fn module(ports: Ports) -> Module<Ports> {
    let recorder = FulfilmentRecorder { book: ports.book.clone() };
    let Settings { deadlines, expiry_start_delay, expiry_sweep_period, .. } = ports.settings;
    let fulfilment = SagaConsumer::new(Fulfilment { deadlines }, recorder)
        .on(Event::Validated)
        .on(Event::Invalid)
        .on(Event::InventoryReserved)
        .on(Event::ReservationFailed)
        .on(Event::InventoryReleased)
        .on(Event::PaymentStarted)
        .on(Event::PaymentApproved)
        .on(Event::PaymentDeclined)
        .on(Event::PaymentFailed)
        .on(Event::PaymentDisputed)
        .on(Event::PaymentVoided)
        .on(Event::Shipped)
        .on(Event::Delivered)
        .on(Event::ShippingFailed)
        .on(Event::ShipmentCancelled)
        .on(Event::CancelRequested)
        .on(Event::Stale);
    let sweeps = Schedule::new(Timetable::every(expiry_sweep_period), ExpireStaleOrders {});
    Module::new("orders", ports)
        .consume("order-created-event", validate_order::validate_order)
        .endpoint("order-saga", |endpoint| {
            // An event may come before its order is validated. Mostly that takes no time at all, so the first waits are
            // short; but a lost worker's lease of 30 s can hold it up, so together they are two minutes.
            let (first, max) = (Duration::from_millis(50), Duration::from_secs(30));
            endpoint.saga(fulfilment).retry(Retry::exponential("saga", first, max, 12))
        })
        .job("order-expiry", expire_stale_orders::expire_stale_orders)
        .schedule(sweeps.start_delay(expiry_start_delay).overlap(Overlap::Skip))
}
