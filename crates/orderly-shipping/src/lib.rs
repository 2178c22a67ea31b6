//! Shipping: the parcel of each order, from the wish to the customer's door.

mod application;
pub mod domain;

pub use application::{
    Carrier, CarrierError, Consignment, Ports, Progress, Recall, Settings, Shipments, TrackShipment, module,
};
