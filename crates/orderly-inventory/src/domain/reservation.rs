//! What becomes of an order's reservation: held, then committed or released, whatever order the requests arrive in.
//!
//! A release may overtake the reservation that it takes back. It then leaves a released reservation behind, a tombstone,
//! and the late request finds it and holds nothing. A refusal leaves one too: the order was given up on that answer.

use std::{fmt, str::FromStr};

/// Where an order's reservation stands. An order of which inventory has not heard has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReservationState {
    Held,
    /// The units have left the warehouse. Final.
    Committed,
    /// The units can be sold again, or never were held. Final.
    Released,
}

impl ReservationState {
    pub const ALL: [Self; 3] = [Self::Held, Self::Committed, Self::Released];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Committed => "committed",
            Self::Released => "released",
        }
    }
}

/// What to do when an order asks for its lines to be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldDecision {
    /// Hold them, if there is enough.
    Hold,
    /// They are or were held already: answer as the first time.
    Repeat,
    /// The order gave up, or was refused, before: hold nothing.
    Refuse,
}

impl HoldDecision {
    pub const fn of(reservation: Option<ReservationState>) -> Self {
        match reservation {
            None => Self::Hold,
            Some(ReservationState::Held | ReservationState::Committed) => Self::Repeat,
            Some(ReservationState::Released) => Self::Refuse,
        }
    }
}

/// What to do when an order gives up what is held for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseDecision {
    /// Put the held units back on sale.
    GiveBack,
    /// Nothing is held yet: write the tombstone that a late request will find.
    LeaveTombstone,
    /// It was released already: answer as the first time.
    Repeat,
}

impl ReleaseDecision {
    /// # Errors
    ///
    /// [`WasCommitted`] when the units have left the warehouse: only a return brings them back.
    pub const fn of(reservation: Option<ReservationState>) -> Result<Self, WasCommitted> {
        match reservation {
            None => Ok(Self::LeaveTombstone),
            Some(ReservationState::Held) => Ok(Self::GiveBack),
            Some(ReservationState::Released) => Ok(Self::Repeat),
            Some(ReservationState::Committed) => Err(WasCommitted),
        }
    }
}

/// What to do when the parcel has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitDecision {
    /// Take the held units off the books.
    TakeOut,
    /// They are off the books already.
    Repeat,
}

impl CommitDecision {
    /// # Errors
    ///
    /// [`NotHeld`] when nothing is held for the order: something shipped that was never set aside.
    pub const fn of(reservation: Option<ReservationState>) -> Result<Self, NotHeld> {
        match reservation {
            Some(ReservationState::Held) => Ok(Self::TakeOut),
            Some(ReservationState::Committed) => Ok(Self::Repeat),
            None => Err(NotHeld { released: false }),
            Some(ReservationState::Released) => Err(NotHeld { released: true }),
        }
    }
}

/// A release came after the commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the reserved units have left the warehouse and cannot be released")]
pub struct WasCommitted;

/// A commit found nothing held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", if *.released { "the reservation was released before it was committed" } else { "nothing was reserved" })]
pub struct NotHeld {
    /// There was a reservation, and it was given up.
    pub released: bool,
}

impl fmt::Display for ReservationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ReservationState {
    type Err = UnknownReservationState;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(UnknownReservationState)
    }
}

/// The text names no state of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no state of a reservation")]
pub struct UnknownReservationState;
