//! Stock as people see it, and as it is first put on the shelf.

use std::collections::BTreeMap;

use async_trait::async_trait;
use orderly_contracts::{ProductId, Tenant, inventory::StockLevels};
use orderly_inventory::{StockView, Warehouse, domain::Stock};
use sqlx::FromRow;
use wharf::{Result, Timestamp, Tx};

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

const PAGE: &str = "
SELECT product_id, available, reserved, reorder_level, updated_at FROM stock
WHERE tenant = $1 AND product_id > $2 ORDER BY product_id LIMIT $3";

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
        let query = sqlx::query_as(PAGE)
            .bind(tenant.as_str())
            .bind(after.map_or(i64::MIN, |after| after.0))
            .bind(i64::from(limit));
        let page: Vec<LevelRow> = query.fetch_all(&self.pool).await?;
        page.into_iter().map(LevelRow::read).collect()
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
