//! `inventory-monitoring`: every five minutes, what is at or below its reorder level is brought to mind again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wharf::{Job, Key, Msg, Result, Run, State, Tx};

use super::{Ports, StockView};

/// What one report names at most; it counts them all.
const NAMED_MAX_PRODUCTS: u32 = 20;

/// Look for stock that is low.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MonitorStock {}

impl Job for MonitorStock {
    const NAME: &'static str = "inventory.monitor";

    fn key(&self) -> Key {
        Key::new("sweep", "inventory")
    }
}

/// What a look found.
#[derive(Debug, Serialize)]
pub(super) struct Low {
    products: u64,
}

pub(super) async fn monitor_stock(
    Msg(MonitorStock {}): Msg<MonitorStock>,
    State(ports): State<Ports>,
    tx: Tx,
    run: Run,
) -> Result<Low> {
    let tenant = tx.tenant();
    let products = ports.warehouse.count_low(&tenant).await?;
    if products == 0 {
        return Ok(Low { products });
    }
    let first = ports.warehouse.low(&tenant, None, NAMED_MAX_PRODUCTS).await?;
    let first = first.iter().map(told).collect::<Vec<_>>().join(", ");
    tracing::warn!(products, first, "stock is low");
    run.warn(format!("low: {first}"));
    Ok(Low { products })
}

/// As `7 (4 left, level 5)`.
fn told(StockView { product, stock, .. }: &StockView) -> String {
    format!("{product} ({} left, level {})", stock.available(), stock.reorder_level())
}
