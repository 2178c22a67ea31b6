//! `GET /api/inventory`, the stock of one product, and what moved of it.

use axum::{
    Json,
    extract::{Path, State},
};
use orderly_contracts::ProductId;
use orderly_inventory::{MovementView, StockView};
use serde::{Deserialize, Serialize};

use super::{StockBody, find, number};
use crate::http::{
    Shop,
    caller::Caller,
    moment::Moment,
    page::{Asked, Page, rows},
    problem::Problem,
};

#[derive(Deserialize)]
pub(in crate::http) struct Which {
    after: Option<i64>,
    limit: Option<u32>,
    /// Only what is at or below its reorder level.
    #[serde(default)]
    low: bool,
}

#[derive(Deserialize)]
pub(in crate::http) struct WhichMovements {
    before: Option<i64>,
    limit: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct MovementBody {
    id: i64,
    /// received, shipped or adjusted.
    kind: &'static str,
    /// What came; below zero, what went.
    units: i64,
    /// With whose parcel it went.
    order_id: Option<i64>,
    reference: Option<String>,
    at: Moment,
}

pub(in crate::http) async fn list(
    State(shop): State<Shop>,
    caller: Caller,
    Asked(which): Asked<Which>,
) -> Result<Json<Page<StockBody>>, Problem> {
    caller.require_staff()?;
    let rows = rows(which.limit)?;
    let after = which.after.map(ProductId);
    let (warehouse, tenant) = (&shop.infrastructure.warehouse, &caller.0.tenant);
    let levels = if which.low {
        warehouse.low(tenant, after, rows + 1).await?
    } else {
        warehouse.levels(tenant, after, rows + 1).await?
    };
    let low = if which.low { "&low=true" } else { "" };
    let next = |last: &StockView| format!("/api/inventory?after={}&limit={rows}{low}", last.product);
    Ok(Json(Page::of(levels, rows, next, StockBody::from)))
}

pub(in crate::http) async fn one(
    State(shop): State<Shop>,
    caller: Caller,
    Path(product): Path<String>,
) -> Result<Json<StockBody>, Problem> {
    caller.require_staff()?;
    Ok(Json(find(&shop, &caller.0.tenant, number(&product)?).await?.into()))
}

/// Newest first.
pub(in crate::http) async fn movements(
    State(shop): State<Shop>,
    caller: Caller,
    Path(product): Path<String>,
    Asked(which): Asked<WhichMovements>,
) -> Result<Json<Page<MovementBody>>, Problem> {
    caller.require_staff()?;
    let rows = rows(which.limit)?;
    let product = number(&product)?;
    find(&shop, &caller.0.tenant, product).await?;
    let warehouse = &shop.infrastructure.warehouse;
    let movements = warehouse.movements(&caller.0.tenant, product, which.before, rows + 1).await?;
    let next = |last: &MovementView| format!("/api/inventory/{product}/movements?before={}&limit={rows}", last.number);
    let body = |movement: MovementView| MovementBody {
        id: movement.number,
        kind: movement.kind.as_str(),
        units: movement.units,
        order_id: movement.order.map(|order| order.0),
        reference: movement.reference,
        at: Moment(movement.moved_at),
    };
    Ok(Json(Page::of(movements, rows, next, body)))
}
