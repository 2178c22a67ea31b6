//! The rules of stock: what can be held for an order, and what becomes of what is held.

mod hold;
mod reservation;
mod stock;

pub use hold::{Held, Shortage, Shortages, hold_all};
pub use reservation::{
    CommitDecision, HoldDecision, NotHeld, ReleaseDecision, ReservationState, UnknownReservationState, WasCommitted,
};
pub use stock::{Stock, StockError};
