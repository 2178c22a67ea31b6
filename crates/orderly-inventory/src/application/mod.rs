//! What the inventory module does: one file per use case.

mod commit_stock;
mod ports;
mod release_stock;
mod reserve_stock;

pub use ports::{Ports, StockView, Stockroom, Warehouse};

use std::time::Duration;

use wharf::{Module, Retry};

/// The module, as a worker runs it.
pub fn module(ports: Ports) -> Module<Ports> {
    Module::new("inventory", ports).endpoint("inventory-reservation", |endpoint| {
        endpoint
            .consume("reserve-stock", reserve_stock::reserve_stock)
            .consume("release-stock", release_stock::release_stock)
            .consume("commit-stock", commit_stock::commit_stock)
            // Two orders that met on a hot product are worth trying again at once.
            .retry(Retry::fixed("inventory", [1, 3, 7].map(Duration::from_secs)).at_once(2))
    })
}
