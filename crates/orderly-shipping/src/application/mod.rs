//! What the shipping module does: one file per use case.

mod cancel_shipment;
mod carrier;
mod ports;
mod ship_order;
mod taken;
mod track_shipment;

pub use carrier::{Carrier, CarrierError, Consignment, Progress, Recall};
pub use ports::{Ports, Shipments};
pub use track_shipment::TrackShipment;

use std::time::Duration;

use wharf::{Module, Retry};

/// The module, as a worker runs it.
pub fn module(ports: Ports) -> Module<Ports> {
    // 30 tries take 25 minutes: longer than the saga waits for a silent carrier. It calls the parcel back by then, and the
    // next try finds that nothing is to leave, so that a carrier's bad hour leaves no dead letters.
    let second = Duration::from_secs(1);
    Module::new("shipping", ports).endpoint("shipping", |endpoint| {
        endpoint
            .consume("ship-order", ship_order::ship_order)
            .consume("cancel-shipment", cancel_shipment::cancel_shipment)
            .consume("track-shipment", track_shipment::track_shipment)
            .retry(Retry::exponential("external", second, 60 * second, 30).with_jitter(0.25))
            .concurrency(32)
    })
}
