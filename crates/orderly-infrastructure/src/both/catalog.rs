//! What is for sale.

use std::collections::BTreeMap;

use async_trait::async_trait;
use orderly_catalog::{
    NewProduct, Products,
    domain::{Product, Sku},
};
use orderly_contracts::{
    Currency, Money, ProductId, Tenant,
    catalog::{Catalog, ProductView},
};
use sqlx::FromRow;
use wharf::{Result, Tx};

use super::{Adapters, connection};
use crate::rows::{products, rows};

#[derive(FromRow)]
struct ProductRow {
    id: i64,
    sku: String,
    name: String,
    price_minor: i64,
    currency: String,
}

const OF_IDS: &str = sql!("
SELECT id, sku, name, price_minor, currency FROM products WHERE tenant = $1 AND id" listed);

const PAGE: &str = "
SELECT id, sku, name, price_minor, currency FROM products WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3";

/// In the order given, so that numbers follow it.
const ADD: &str = "
INSERT INTO products (tenant, sku, name, price_minor, currency)
SELECT $1, value ->> 0, value ->> 1, CAST(value ->> 2 AS BIGINT), value ->> 3 FROM json_each($2) WHERE true ORDER BY key
ON CONFLICT (tenant, sku) DO NOTHING";

/// A cross join, because SQLite would else walk all products, and for each all that were given.
const NUMBERS: &str = "
SELECT products.id FROM json_each($2) AS given CROSS JOIN products WHERE products.tenant = $1 AND sku = value ->> 0
ORDER BY given.key";

#[async_trait]
impl Catalog for Adapters {
    async fn products(&self, tenant: &Tenant, ids: &[ProductId]) -> Result<BTreeMap<ProductId, ProductView>> {
        let query = sqlx::query_as(OF_IDS).bind(tenant.as_str()).bind(products(ids)?);
        let found: Vec<ProductRow> = query.fetch_all(&self.pool).await?;
        let view = |row: ProductRow| {
            let price = row.price()?;
            let id = ProductId(row.id);
            Ok((id, ProductView { id, sku: row.sku, name: row.name, price }))
        };
        found.into_iter().map(view).collect()
    }
}

#[async_trait]
impl Products for Adapters {
    async fn products(&self, tenant: &Tenant, after: Option<ProductId>, limit: u32) -> Result<Vec<Product>> {
        let query = sqlx::query_as(PAGE)
            .bind(tenant.as_str())
            .bind(after.map_or(i64::MIN, |after| after.0))
            .bind(i64::from(limit));
        let page: Vec<ProductRow> = query.fetch_all(&self.pool).await?;
        page.into_iter().map(ProductRow::read).collect()
    }

    async fn add(&self, tx: &mut Tx, products: &[NewProduct]) -> Result<Vec<ProductId>> {
        let tenant = tx.tenant();
        let row = |product: &NewProduct| {
            (product.sku.to_string(), product.name.clone(), product.price.minor, product.price.currency)
        };
        let products = rows(products.iter().map(row))?;
        let connection = connection(tx).await?;
        sqlx::query(ADD).bind(tenant.as_str()).bind(&products).execute(&mut *connection).await?;
        let numbers = sqlx::query_scalar(NUMBERS).bind(tenant.as_str()).bind(&products);
        let numbers: Vec<i64> = numbers.fetch_all(connection).await?;
        Ok(numbers.into_iter().map(ProductId).collect())
    }
}

impl ProductRow {
    fn price(&self) -> Result<Money> {
        Ok(Money::new(self.price_minor, self.currency.parse::<Currency>()?))
    }

    fn read(self) -> Result<Product> {
        let price = self.price()?;
        Ok(Product::new(ProductId(self.id), self.sku.parse::<Sku>()?, &self.name, price)?)
    }
}
