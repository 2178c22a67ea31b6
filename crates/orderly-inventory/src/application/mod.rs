//! What the inventory module does: one file per use case.

mod adjust_stock;
mod commit_stock;
mod monitor_stock;
mod ports;
mod receive_stock;
mod refusal;
mod release_stock;
mod reserve_stock;
mod run_low;
mod take_back_stock;

pub use adjust_stock::{AdjustStock, adjust_stock};
pub use monitor_stock::MonitorStock;
pub use ports::{MovementView, Ports, Settings, StockView, Stockroom, Warehouse};
pub use receive_stock::{ReceiveStock, receive_stock};
pub use refusal::{StockField, StockProblem, StockRefusal};

use std::time::Duration;

use wharf::{Module, Overlap, Retry, Schedule, Timetable};

/// The module, as a worker runs it.
pub fn module(ports: Ports) -> Module<Ports> {
    let monitoring_period = ports.settings.monitoring_period;
    Module::new("inventory", ports)
        .endpoint("inventory-reservation", |endpoint| {
            endpoint
                .consume("reserve-stock", reserve_stock::reserve_stock)
                .consume("release-stock", release_stock::release_stock)
                .consume("commit-stock", commit_stock::commit_stock)
                .consume("take-back-stock", take_back_stock::take_back_stock)
                // Two orders that met on a hot product are worth trying again at once.
                .retry(Retry::fixed("inventory", [1, 3, 7].map(Duration::from_secs)).at_once(2))
        })
        .endpoint("inventory-monitoring", |endpoint| endpoint.consume("note-low-stock", run_low::note_low_stock))
        .job("monitor-stock", monitor_stock::monitor_stock)
        .schedule(Schedule::new(Timetable::every(monitoring_period), MonitorStock {}).overlap(Overlap::Skip))
}
