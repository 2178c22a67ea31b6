//! Stock as people see it, and as they say it is.

use std::collections::BTreeMap;

use async_trait::async_trait;
use orderly_contracts::{OrderId, ProductId, Tenant, inventory::StockLevels};
use orderly_inventory::{
    MovementView, StockView, Warehouse,
    domain::{Movement, Stock},
};
use sqlx::FromRow;
use wharf::{Failure, Result, Timestamp, Tx};

use super::{Adapters, connection};
use crate::rows::{products, rows};

#[derive(FromRow)]
struct LevelRow {
    product_id: i64,
    available: i64,
    reserved: i64,
    reorder_level: i64,
    updated_at: i64,
}

#[derive(FromRow)]
struct MovementRow {
    id: i64,
    kind: String,
    units: i64,
    order_id: Option<i64>,
    reference: Option<String>,
    moved_at: i64,
}

const PAGE: &str = "
SELECT product_id, available, reserved, reorder_level, updated_at FROM stock
WHERE tenant = $1 AND product_id > $2 ORDER BY product_id LIMIT $3";

/// Walks a tenant's stock. An index of what is low would have to change with every order.
const LOW: &str = "
SELECT product_id, available, reserved, reorder_level, updated_at FROM stock
WHERE tenant = $1 AND product_id > $2 AND available <= reorder_level ORDER BY product_id LIMIT $3";

const COUNT_LOW: &str = "SELECT count(*) FROM stock WHERE tenant = $1 AND available <= reorder_level";

const ONE: &str = "
SELECT product_id, available, reserved, reorder_level, updated_at FROM stock WHERE tenant = $1 AND product_id = $2";

const MOVEMENTS: &str = "
SELECT id, kind, units, order_id, reference, moved_at FROM stock_movements
WHERE tenant = $1 AND product_id = $2 AND id < $3 ORDER BY id DESC LIMIT $4";

const RECEIPT: &str = "
SELECT units FROM stock_movements
WHERE tenant = $1 AND product_id = $2 AND reference = $3 AND kind = 'received'";

/// Touches no row of which something else is reserved than was read.
const PUT: &str = sql!("
UPDATE stock SET available = $4, reorder_level = $6, updated_at = " now "
WHERE tenant = $2 AND product_id = $3 AND reserved = $5");

const BOOK: &str = sql!("
INSERT INTO stock_movements (tenant, product_id, kind, units, reference, moved_at)
VALUES ($2, $3, $4, $5, $6, " now ")");

const AVAILABLE: &str = sql!("
SELECT product_id, available FROM stock WHERE tenant = $1 AND product_id" listed);

/// In product order, so that two who open the same shelves wait for one another and not for ever.
const OPEN: &str = sql!("
INSERT INTO stock (tenant, product_id, available, updated_at)
SELECT $2, CAST(value ->> 0 AS BIGINT), CAST(value ->> 1 AS BIGINT), " now "
FROM json_each($3) WHERE true ORDER BY 2
ON CONFLICT (tenant, product_id) DO NOTHING RETURNING product_id, available");

const BOOK_OPENED: &str = sql!("
INSERT INTO stock_movements (tenant, product_id, kind, units, moved_at)
SELECT $2, CAST(value ->> 0 AS BIGINT), 'received', CAST(value ->> 1 AS BIGINT), " now " FROM json_each($3)");

#[async_trait]
impl Warehouse for Adapters {
    async fn levels(&self, tenant: &Tenant, after: Option<ProductId>, limit: u32) -> Result<Vec<StockView>> {
        self.page(PAGE, tenant, after, limit).await
    }

    async fn low(&self, tenant: &Tenant, after: Option<ProductId>, limit: u32) -> Result<Vec<StockView>> {
        self.page(LOW, tenant, after, limit).await
    }

    async fn count_low(&self, tenant: &Tenant) -> Result<u64> {
        let products: i64 = sqlx::query_scalar(COUNT_LOW).bind(tenant.as_str()).fetch_one(&self.pool).await?;
        Ok(products.try_into()?)
    }

    async fn level(&self, tenant: &Tenant, product: ProductId) -> Result<Option<StockView>> {
        let query = sqlx::query_as(ONE).bind(tenant.as_str()).bind(product.0);
        let found: Option<LevelRow> = query.fetch_optional(&self.pool).await?;
        found.map(LevelRow::read).transpose()
    }

    async fn movements(
        &self,
        tenant: &Tenant,
        product: ProductId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<MovementView>> {
        let query = sqlx::query_as(MOVEMENTS)
            .bind(tenant.as_str())
            .bind(product.0)
            .bind(before.unwrap_or(i64::MAX))
            .bind(i64::from(limit));
        let page: Vec<MovementRow> = query.fetch_all(&self.pool).await?;
        page.into_iter().map(MovementRow::read).collect()
    }

    async fn open(&self, tx: &mut Tx, opening: &[(ProductId, i64)]) -> Result {
        let tenant = tx.tenant();
        let connection = connection(tx).await?;
        let query = sqlx::query_as(OPEN).bind(self.now()).bind(tenant.as_str()).bind(rows(opening)?);
        let mut opened: Vec<(i64, i64)> = query.fetch_all(&mut *connection).await?;
        opened.retain(|(_, units)| *units != 0);
        if !opened.is_empty() {
            let query = sqlx::query(BOOK_OPENED).bind(self.now()).bind(tenant.as_str()).bind(rows(opened)?);
            query.execute(connection).await?;
        }
        Ok(())
    }

    async fn put(&self, tx: &mut Tx, product: ProductId, stock: Stock, movement: Option<&Movement>) -> Result {
        let tenant = tx.tenant();
        let connection = connection(tx).await?;
        let query = sqlx::query(PUT)
            .bind(self.now())
            .bind(tenant.as_str())
            .bind(product.0)
            .bind(stock.available())
            .bind(stock.reserved())
            .bind(stock.reorder_level());
        if query.execute(&mut *connection).await?.rows_affected() == 0 {
            return Err(Failure::retry(format!("the stock of product {product} is not as it was read")));
        }
        let Some(Movement { kind, units, reference }) = movement else { return Ok(()) };
        let query = sqlx::query(BOOK)
            .bind(self.now())
            .bind(tenant.as_str())
            .bind(product.0)
            .bind(kind.as_str())
            .bind(units)
            .bind(reference);
        query.execute(connection).await?;
        Ok(())
    }

    async fn receipt(&self, tx: &mut Tx, product: ProductId, reference: &str) -> Result<Option<i64>> {
        let tenant = tx.tenant();
        let query = sqlx::query_scalar(RECEIPT).bind(tenant.as_str()).bind(product.0).bind(reference);
        Ok(query.fetch_optional(connection(tx).await?).await?)
    }
}

impl Adapters {
    /// Stock from after `after`, as `how` selects it.
    async fn page(
        &self,
        how: &'static str,
        tenant: &Tenant,
        after: Option<ProductId>,
        limit: u32,
    ) -> Result<Vec<StockView>> {
        let query = sqlx::query_as(how)
            .bind(tenant.as_str())
            .bind(after.map_or(i64::MIN, |after| after.0))
            .bind(i64::from(limit));
        let page: Vec<LevelRow> = query.fetch_all(&self.pool).await?;
        page.into_iter().map(LevelRow::read).collect()
    }
}

#[async_trait]
impl StockLevels for Adapters {
    async fn available(&self, tenant: &Tenant, wanted: &[ProductId]) -> Result<BTreeMap<ProductId, i64>> {
        let query = sqlx::query_as(AVAILABLE).bind(tenant.as_str()).bind(products(wanted)?);
        let found: Vec<(i64, i64)> = query.fetch_all(&self.pool).await?;
        Ok(found.into_iter().map(|(product, available)| (ProductId(product), available)).collect())
    }
}

impl LevelRow {
    fn read(self) -> Result<StockView> {
        Ok(StockView {
            product: ProductId(self.product_id),
            stock: Stock::new(self.available, self.reserved, self.reorder_level)?,
            updated_at: Timestamp::from_micros(self.updated_at),
        })
    }
}

impl MovementRow {
    fn read(self) -> Result<MovementView> {
        Ok(MovementView {
            number: self.id,
            kind: self.kind.parse()?,
            units: self.units,
            order: self.order_id.map(OrderId),
            reference: self.reference,
            moved_at: Timestamp::from_micros(self.moved_at),
        })
    }
}
