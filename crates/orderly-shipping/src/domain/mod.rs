//! The rules of shipping: one parcel per order, accepted by one carrier, delivered once.

mod key;
mod shipment;

pub use key::{ShipmentKey, UnknownShipmentKey};
pub use shipment::{Change, Shipment, ShipmentError, ShipmentState};
