//! `GET /api/inventory`: the stock of every product, for those who look after it.

use axum::{Json, extract::State};
use orderly_contracts::ProductId;
use orderly_inventory::StockView;
use serde::{Deserialize, Serialize};

use super::{
    Shop,
    caller::Caller,
    moment::Moment,
    page::{Asked, Page, rows},
    problem::Problem,
};

#[derive(Deserialize)]
pub(super) struct Which {
    after: Option<i64>,
    limit: Option<u32>,
}

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

pub(super) async fn list(
    State(shop): State<Shop>,
    caller: Caller,
    Asked(which): Asked<Which>,
) -> Result<Json<Page<StockBody>>, Problem> {
    caller.require_staff()?;
    let rows = rows(which.limit)?;
    let after = which.after.map(ProductId);
    let levels = shop.infrastructure.warehouse.levels(&caller.0.tenant, after, rows + 1).await?;
    let next = |last: &StockView| format!("/api/inventory?after={}&limit={rows}", last.product);
    Ok(Json(Page::of(levels, rows, next, body)))
}

fn body(StockView { product, stock, updated_at }: StockView) -> StockBody {
    StockBody {
        product_id: product.0,
        available: stock.available(),
        reserved: stock.reserved(),
        on_hand: stock.on_hand(),
        reorder_level: stock.reorder_level(),
        is_low: stock.is_low(),
        updated_at: Moment(updated_at),
    }
}
