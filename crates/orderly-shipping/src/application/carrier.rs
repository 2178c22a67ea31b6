//! The carrier, as this module sees it.

use std::time::Duration;

use async_trait::async_trait;
use orderly_contracts::{TrackingNumber, orders::Line};

use crate::domain::ShipmentKey;

/// A carrier. Every call names the shipment's key; a repeated key repeats its answer and makes no second parcel.
#[async_trait]
pub trait Carrier: Send + Sync {
    /// Hands a parcel over.
    async fn ship(&self, key: ShipmentKey, lines: &[Line]) -> Result<Consignment, CarrierError>;

    /// Says what became of a shipment; `None` when the carrier was never asked.
    async fn inquire(&self, key: ShipmentKey) -> Result<Option<Consignment>, CarrierError>;

    /// Calls a parcel back. Once it has said [`Recall::Stopped`], no parcel leaves under this key.
    async fn recall(&self, key: ShipmentKey) -> Result<Recall, CarrierError>;

    /// Says where a parcel is.
    async fn track(&self, tracking: &TrackingNumber) -> Result<Progress, CarrierError>;
}

/// What the carrier says to a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consignment {
    /// It has it.
    Accepted {
        /// Its number.
        tracking: TrackingNumber,
        /// When asking for news makes sense.
        ask_again_after: Duration,
    },
    /// It will not take it.
    Refused {
        /// The carrier's words.
        reason: String,
    },
}

/// What the carrier says to a recall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recall {
    /// It took no parcel, and will take none.
    Stopped,
    /// Too late: it has it.
    TooLate {
        /// Its number.
        tracking: TrackingNumber,
        /// When asking for news makes sense.
        ask_again_after: Duration,
    },
}

/// Where a parcel is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// On its way; ask again after this long.
    InTransit {
        /// The carrier's hint.
        ask_again_after: Duration,
    },
    /// With the customer.
    Delivered,
}

/// The call failed. Whether the carrier acted is unknown.
#[derive(Debug, thiserror::Error)]
#[error("the carrier did not answer: {0}")]
pub struct CarrierError(pub String);
