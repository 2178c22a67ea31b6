//! Before the first order: the file's products stand in the catalog, and their opening stock on the shelf.

use std::{collections::HashMap, sync::Arc};

use anyhow::Context;
use orderly_catalog::{
    NewProduct,
    domain::{NAME_LENGTH_MAX_CHARS, Sku},
};
use orderly_contracts::{Currency, Money, ProductId};

use super::survey::Product;
use crate::shop::Shop;

/// Products that are written in one commit.
const CHUNK_MAX_ROWS: usize = 500;

/// Numbers of products, by their codes.
pub(super) type ProductIds = HashMap<Arc<str>, ProductId>;

/// Adds what is missing. What an earlier run wrote, of products and of stock, stays as it is.
pub(super) async fn open(shop: &Shop, products: &[Product]) -> anyhow::Result<ProductIds> {
    let mut ids = HashMap::with_capacity(products.len());
    for chunk in products.chunks(CHUNK_MAX_ROWS) {
        let goods = chunk.iter().map(|product| Ok((new_product(product)?, product.opening_stock)));
        let added = shop.stock(&goods.collect::<anyhow::Result<Vec<_>>>()?).await?;
        ids.extend(chunk.iter().map(|product| Arc::clone(&product.sku)).zip(added));
    }
    Ok(ids)
}

fn new_product(product: &Product) -> anyhow::Result<NewProduct> {
    let sku = Sku::parse(&product.sku).with_context(|| format!("`{}` is no product code", product.sku))?;
    let name: String = product.name.trim().chars().take(NAME_LENGTH_MAX_CHARS).collect();
    Ok(NewProduct {
        name: if name.is_empty() { sku.to_string() } else { name },
        sku,
        price: Money::new(product.unit_price_minor, Currency::GBP),
    })
}
