//! Orders: what was ordered, and what became of it.

mod application;
pub mod domain;

pub use application::{
    Attention, Book, CancelError, CancelOutcome, Deadlines, Ending, Event, ExpireStaleOrders, Fulfilment, OrderChange,
    OrderFilter, OrderStep, OrderView, Orders, Overview, Pace, PlaceOrder, Placed, PlacementError, Ports, ReturnError,
    ReturnItems, Returned, Returns, Settings, Stall, Stalled, State, StoredOrder, StoredReturn, Timer, Totals, Undoing,
    cancel_order, module, place_order, return_items,
};
