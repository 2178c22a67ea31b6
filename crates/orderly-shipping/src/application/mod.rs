//! What the shipping module does: one file per use case.

mod carrier;
mod ports;
mod ship_order;
mod track_shipment;

pub use carrier::{Carrier, CarrierError, Consignment, Progress};
pub use ports::{Ports, Shipments};
pub use track_shipment::TrackShipment;

use std::time::Duration;

use wharf::{Module, Retry};

/// The module, as a worker runs it.
pub fn module(ports: Ports) -> Module<Ports> {
    let second = Duration::from_secs(1);
    Module::new("shipping", ports).endpoint("shipping", |endpoint| {
        endpoint
            .consume("ship-order", ship_order::ship_order)
            .consume("track-shipment", track_shipment::track_shipment)
            .retry(Retry::exponential("external", second, 60 * second, 10).with_jitter(0.25))
            .concurrency(32)
    })
}
