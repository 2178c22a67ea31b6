//! The rules of stock: what can be held for an order, and what becomes of what is held.

mod hold;
mod movement;
mod reservation;
mod stock;

pub use hold::{Held, Shortage, Shortages, hold_all};
pub use movement::{Movement, MovementKind, UnknownMovementKind};
pub use reservation::{
    CommitDecision, HoldDecision, NotHeld, ReleaseDecision, ReservationState, UnknownReservationState, WasCommitted,
};
pub use stock::{Stock, StockError};
