//! `inventory-monitoring`: every five minutes, what is at or below its reorder level is brought to mind again.

use serde::{Deserialize, Serialize};
use wharf::{Key, Kind, Message, Msg, Result, State, Tx};

use super::{Ports, StockView};

/// What one report names at most; it counts them all.
const NAMED_MAX_PRODUCTS: u32 = 20;

/// Look for stock that is low.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonitorStock {}

impl Message for MonitorStock {
    const NAME: &'static str = "inventory.monitor";
    const KIND: Kind = Kind::Command;

    fn key(&self) -> Key {
        Key::new("sweep", "inventory")
    }
}

pub(super) async fn monitor_stock(
    Msg(MonitorStock {}): Msg<MonitorStock>,
    State(ports): State<Ports>,
    tx: Tx,
) -> Result {
    let tenant = tx.tenant();
    let products = ports.warehouse.count_low(&tenant).await?;
    if products == 0 {
        return Ok(());
    }
    let first = ports.warehouse.low(&tenant, None, NAMED_MAX_PRODUCTS).await?;
    let first = first.iter().map(told).collect::<Vec<_>>().join(", ");
    tracing::warn!(products, first, "stock is low");
    Ok(())
}

/// As `7 (4 left, level 5)`.
fn told(StockView { product, stock, .. }: &StockView) -> String {
    format!("{product} ({} left, level {})", stock.available(), stock.reorder_level())
}
