//! Orders: what was ordered, and what became of it.

mod application;
pub mod domain;

pub use application::{
    Attention, Book, CancelError, CancelOutcome, Ending, Event, ExpireStaleOrders, Fulfilment, OrderChange,
    OrderFilter, OrderStep, OrderView, Orders, Overview, Pace, PlaceOrder, Placed, PlacementError, Ports, Settings,
    Stall, Stalled, State, StoredOrder, Timer, Totals, Undoing, cancel_order, module, place_order,
};
