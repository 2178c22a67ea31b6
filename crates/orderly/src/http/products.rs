//! `GET /api/products`: what is for sale, and how much of it is left.

use axum::{Json, extract::State};
use orderly_catalog::domain::Product;
use orderly_contracts::ProductId;
use serde::{Deserialize, Serialize};

use super::{
    Shop,
    amount::Amount,
    caller::Caller,
    page::{Asked, Page, rows},
    problem::Problem,
};

#[derive(Deserialize)]
pub(super) struct Which {
    after: Option<i64>,
    limit: Option<u32>,
}

#[derive(Serialize)]
pub(super) struct ProductBody {
    id: i64,
    sku: String,
    name: String,
    price: Amount,
    currency: String,
    /// Units that can be ordered now.
    available: i64,
}

pub(super) async fn list(
    State(shop): State<Shop>,
    Caller(caller): Caller,
    Asked(which): Asked<Which>,
) -> Result<Json<Page<ProductBody>>, Problem> {
    let rows = rows(which.limit)?;
    let after = which.after.map(ProductId);
    let products = shop.infrastructure.products.products(&caller.tenant, after, rows + 1).await?;
    let ids: Vec<_> = products.iter().map(Product::id).collect();
    let available = shop.infrastructure.stock_levels.available(&caller.tenant, &ids).await?;
    let next = |last: &Product| format!("/api/products?after={}&limit={rows}", last.id());
    let body = |product: Product| ProductBody {
        id: product.id().0,
        sku: product.sku().to_string(),
        name: product.name().to_owned(),
        price: Amount(product.price()),
        currency: product.price().currency.to_string(),
        available: available.get(&product.id()).copied().unwrap_or(0),
    };
    Ok(Json(Page::of(products, rows, next, body)))
}
