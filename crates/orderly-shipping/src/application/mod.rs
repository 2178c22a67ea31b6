//! What the shipping module does: one file per use case.

mod cancel_shipment;
mod carrier;
mod ports;
mod settings;
mod ship_order;
mod taken;
mod track_shipment;

pub use carrier::{Carrier, CarrierError, Consignment, Progress, Recall};
pub use ports::{Ports, Shipments};
pub use settings::Settings;
pub use track_shipment::TrackShipment;

use wharf::Module;

/// The module, as a worker runs it.
pub fn module(ports: Ports) -> Module<Ports> {
    let retry = ports.settings.retry();
    Module::new("shipping", ports).endpoint("shipping", |endpoint| {
        endpoint
            .consume("ship-order", ship_order::ship_order)
            .consume("cancel-shipment", cancel_shipment::cancel_shipment)
            .consume("track-shipment", track_shipment::track_shipment)
            .retry(retry)
            .concurrency(32)
    })
}
