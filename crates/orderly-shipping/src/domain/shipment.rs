//! The parcel of one order, from the wish to the customer's door.

use orderly_contracts::{OrderId, TrackingNumber};

use super::ShipmentKey;

/// The one parcel of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipment {
    order: OrderId,
    state: ShipmentState,
}

/// Where a parcel is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShipmentState {
    /// A carrier was or will be asked.
    Requested,
    /// The carrier has it.
    Accepted { tracking: TrackingNumber },
    /// The customer has it.
    Delivered { tracking: TrackingNumber },
    /// No carrier takes it.
    Refused { reason: String },
    /// Called back before a carrier had it. It never leaves, even if it is only now asked for.
    Cancelled,
}

impl ShipmentState {
    /// The state without what it carries, as it is stored and shown.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Accepted { .. } => "accepted",
            Self::Delivered { .. } => "delivered",
            Self::Refused { .. } => "refused",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What an event did to a shipment. Events arrive more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Moved,
    /// It had happened already: write nothing.
    Repeated,
}

impl Shipment {
    pub fn request(order: OrderId) -> Self {
        Self { order, state: ShipmentState::Requested }
    }

    /// Reads back what was stored. It was checked when it was made.
    pub fn from_stored(order: OrderId, state: ShipmentState) -> Self {
        Self { order, state }
    }

    pub fn order(&self) -> OrderId {
        self.order
    }

    pub fn key(&self) -> ShipmentKey {
        ShipmentKey { order: self.order }
    }

    pub fn state(&self) -> &ShipmentState {
        &self.state
    }

    /// The carrier's number, once it has the parcel.
    pub fn tracking(&self) -> Option<&TrackingNumber> {
        match &self.state {
            ShipmentState::Accepted { tracking } | ShipmentState::Delivered { tracking } => Some(tracking),
            ShipmentState::Requested | ShipmentState::Refused { .. } | ShipmentState::Cancelled => None,
        }
    }

    /// Whether a carrier may be asked to take it.
    pub fn may_leave(&self) -> bool {
        match &self.state {
            ShipmentState::Requested | ShipmentState::Accepted { .. } | ShipmentState::Delivered { .. } => true,
            ShipmentState::Refused { .. } | ShipmentState::Cancelled => false,
        }
    }

    /// The carrier has the parcel. That is a fact, and stays one if it had been called back and the carrier had said that
    /// it would not take it.
    ///
    /// # Errors
    ///
    /// [`ShipmentError::ShippedTwice`] when a parcel with another number is on its way already;
    /// [`ShipmentError::AlreadyRefused`] when the carrier had said no.
    pub fn accept(&mut self, tracking: TrackingNumber) -> Result<Change, ShipmentError> {
        match &self.state {
            ShipmentState::Requested | ShipmentState::Cancelled => {
                Ok(self.move_to(ShipmentState::Accepted { tracking }))
            }
            ShipmentState::Accepted { tracking: first } | ShipmentState::Delivered { tracking: first } => {
                same_parcel(first, tracking).map(|_| Change::Repeated)
            }
            ShipmentState::Refused { .. } => Err(ShipmentError::AlreadyRefused),
        }
    }

    /// The customer has the parcel.
    ///
    /// # Errors
    ///
    /// [`ShipmentError::NotAccepted`] when no carrier is known to have it yet: the news may have overtaken each other, so
    /// try again; [`ShipmentError::ShippedTwice`] for another parcel; [`ShipmentError::AlreadyRefused`].
    pub fn deliver(&mut self, tracking: TrackingNumber) -> Result<Change, ShipmentError> {
        match &self.state {
            ShipmentState::Accepted { tracking: first } => {
                let tracking = same_parcel(first, tracking)?;
                Ok(self.move_to(ShipmentState::Delivered { tracking }))
            }
            ShipmentState::Delivered { tracking: first } => same_parcel(first, tracking).map(|_| Change::Repeated),
            ShipmentState::Requested | ShipmentState::Cancelled => Err(ShipmentError::NotAccepted),
            ShipmentState::Refused { .. } => Err(ShipmentError::AlreadyRefused),
        }
    }

    /// No carrier takes the parcel. Of one that was called back this is what we wanted anyway.
    ///
    /// # Errors
    ///
    /// [`ShipmentError::AlreadyAccepted`] when one has it.
    pub fn refuse(&mut self, reason: impl Into<String>) -> Result<Change, ShipmentError> {
        match &self.state {
            ShipmentState::Requested => Ok(self.move_to(ShipmentState::Refused { reason: reason.into() })),
            ShipmentState::Refused { .. } | ShipmentState::Cancelled => Ok(Change::Repeated),
            ShipmentState::Accepted { tracking } | ShipmentState::Delivered { tracking } => {
                Err(ShipmentError::AlreadyAccepted { tracking: tracking.clone() })
            }
        }
    }

    /// It is called back, and the carrier says that none leaves, or gives back what it had taken. A refused one stays
    /// refused: no parcel leaves either way.
    ///
    /// # Errors
    ///
    /// [`ShipmentError::AlreadyAccepted`] when the customer has it: the way back is a return.
    pub fn cancel(&mut self) -> Result<Change, ShipmentError> {
        match &self.state {
            ShipmentState::Requested | ShipmentState::Accepted { .. } => Ok(self.move_to(ShipmentState::Cancelled)),
            ShipmentState::Refused { .. } | ShipmentState::Cancelled => Ok(Change::Repeated),
            ShipmentState::Delivered { tracking } => Err(ShipmentError::AlreadyAccepted { tracking: tracking.clone() }),
        }
    }

    fn move_to(&mut self, state: ShipmentState) -> Change {
        self.state = state;
        Change::Moved
    }
}

fn same_parcel(first: &TrackingNumber, second: TrackingNumber) -> Result<TrackingNumber, ShipmentError> {
    if *first == second { Ok(second) } else { Err(ShipmentError::ShippedTwice { first: first.clone(), second }) }
}

/// Why a shipment does not move.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShipmentError {
    #[error("parcel {second} is not parcel {first}, which is on its way already")]
    ShippedTwice { first: TrackingNumber, second: TrackingNumber },
    #[error("no carrier is known to have the parcel")]
    NotAccepted,
    #[error("the carrier has parcel {tracking} already")]
    AlreadyAccepted { tracking: TrackingNumber },
    #[error("the carrier refused the parcel already")]
    AlreadyRefused,
}

impl ShipmentError {
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ShippedTwice { .. } => "shipped-twice",
            Self::NotAccepted => "not-accepted",
            Self::AlreadyAccepted { .. } => "already-accepted",
            Self::AlreadyRefused => "already-refused",
        }
    }
}
