//! A product has come down to its reorder level: said in the commit that takes it there, and noted once.

use orderly_contracts::{ProductId, inventory::InventoryRanLow};
use wharf::{Msg, Result};

use crate::domain::Stock;

pub(super) fn ran_low(product: ProductId, after: Stock) -> InventoryRanLow {
    InventoryRanLow { product, available: after.available(), reorder_level: after.reorder_level() }
}

pub(super) async fn note_low_stock(Msg(low): Msg<InventoryRanLow>) -> Result {
    let InventoryRanLow { product, available, reorder_level } = low;
    tracing::info!(%product, available, reorder_level, "stock has run low");
    Ok(())
}
