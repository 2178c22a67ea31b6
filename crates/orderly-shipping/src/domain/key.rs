//! The idempotency key: the carrier that hears it twice makes one parcel.

use std::{fmt, str::FromStr};

use orderly_contracts::OrderId;

/// `ship:{order}`. The carrier repeats it in its answers, by which we find the shipment again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShipmentKey {
    pub order: OrderId,
}

impl fmt::Display for ShipmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ship:{}", self.order)
    }
}

impl FromStr for ShipmentKey {
    type Err = UnknownShipmentKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let order = text.strip_prefix("ship:").ok_or(UnknownShipmentKey)?;
        let key = Self { order: order.parse().map_err(|_| UnknownShipmentKey)? };
        // `ship:+1` would parse too, and then two texts would mean one parcel.
        if key.to_string() == text { Ok(key) } else { Err(UnknownShipmentKey) }
    }
}

/// The text is no key of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no shipment key of ours")]
pub struct UnknownShipmentKey;
