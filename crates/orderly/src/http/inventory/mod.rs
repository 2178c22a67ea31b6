//! `/api/inventory`: the stock of every product, for those who look after it.

mod change;
mod read;

pub(super) use change::{adjust, receive};
pub(super) use read::{list, movements, one};

use orderly_contracts::{ProductId, Tenant};
use orderly_inventory::StockView;
use serde::Serialize;

use super::{
    Shop,
    moment::Moment,
    problem::{Kind, Problem},
};

/// All in units.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StockBody {
    product_id: i64,
    available: i64,
    reserved: i64,
    on_hand: i64,
    reorder_level: i64,
    is_low: bool,
    updated_at: Moment,
}

impl From<StockView> for StockBody {
    fn from(StockView { product, stock, updated_at }: StockView) -> Self {
        Self {
            product_id: product.0,
            available: stock.available(),
            reserved: stock.reserved(),
            on_hand: stock.on_hand(),
            reorder_level: stock.reorder_level(),
            is_low: stock.is_low(),
            updated_at: Moment(updated_at),
        }
    }
}

/// The stock of this product, if any is kept.
async fn find(shop: &Shop, tenant: &Tenant, product: ProductId) -> Result<StockView, Problem> {
    shop.infrastructure.warehouse.level(tenant, product).await?.ok_or_else(|| unknown(product))
}

/// A number that is none names no product.
fn number(id: &str) -> Result<ProductId, Problem> {
    id.parse().map_err(|_| unknown(id))
}

fn unknown(id: impl std::fmt::Display) -> Problem {
    Problem::new(Kind::UnknownProduct, format!("There is no stock of a product {id}."))
}
