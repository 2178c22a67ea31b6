//! The rules of stock: what can be held for an order, what becomes of what is held, and of what comes back.

mod hold;
mod movement;
mod reservation;
mod stock;
mod taken_back;

pub use hold::{Held, Shortage, Shortages, hold_all};
pub use movement::{Movement, MovementKind, UnknownMovementKind};
pub use reservation::{
    CommitDecision, HoldDecision, NotHeld, ReleaseDecision, ReservationState, UnknownReservationState, WasCommitted,
};
pub use stock::{Stock, StockError};
pub use taken_back::{TakenBack, TakingBackError, take_back_all};
