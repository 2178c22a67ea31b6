//! What came back of delivered orders.

use async_trait::async_trait;
use orderly_contracts::{Currency, Money, OrderId, ProductId, Quantity, ReturnFate, ReturnNumber};
use orderly_orders::{
    Returns, StoredReturn,
    domain::{ItemReturn, ItemReturnLine, OrderLine, SoldLine},
};
use sqlx::FromRow;
use wharf::{Result, Tx};

use super::{Adapters, connection};
use crate::rows::rows;

#[derive(FromRow)]
struct SoldRow {
    line: i64,
    product_id: i64,
    quantity: i64,
    unit_minor: i64,
    currency: String,
    returned: i64,
}

#[derive(FromRow)]
struct ReturnRow {
    number: i64,
    refund_minor: i64,
    currency: String,
    /// Place, product, units, price and fate of each line, as JSON.
    lines: String,
}

const SOLD: &str = "
SELECT line.line, product_id, quantity, unit_minor, currency, (
         SELECT CAST(coalesce(sum(units), 0) AS BIGINT) FROM order_return_lines AS back
         WHERE back.tenant = line.tenant AND back.order_id = line.order_id AND back.line = line.line
       ) AS returned
FROM order_lines AS line JOIN orders ON orders.tenant = line.tenant AND orders.id = line.order_id
WHERE line.tenant = $1 AND line.order_id = $2 ORDER BY line.line";

const FIND: &str = r#"
SELECT number, refund_minor, currency, (
         SELECT '[' || string_agg('[' || back.line || ',' || product_id || ',' || units || ',' || unit_minor || ',"'
                                  || fate || '"]', ',' ORDER BY back.line, fate) || ']'
         FROM order_return_lines AS back JOIN order_lines AS line
             ON line.tenant = back.tenant AND line.order_id = back.order_id AND line.line = back.line
         WHERE back.tenant = order_returns.tenant AND back.order_id = order_returns.order_id
           AND back.number = order_returns.number
       ) AS lines
FROM order_returns WHERE tenant = $1 AND order_id = $2 AND reference = $3"#;

const ADD: &str = sql!("
INSERT INTO order_returns (tenant, order_id, number, reference, refund_minor, currency, returned_at)
SELECT $2, $3, coalesce(max(number), 0) + 1, $4, $5, $6, " now " FROM order_returns WHERE tenant = $2 AND order_id = $3
RETURNING number");

const ADD_LINES: &str = "
INSERT INTO order_return_lines (tenant, order_id, line, number, fate, units)
SELECT $1, $2, CAST(value ->> 0 AS BIGINT), $3, value ->> 1, CAST(value ->> 2 AS BIGINT) FROM json_each($4)";

#[async_trait]
impl Returns for Adapters {
    async fn sold(&self, tx: &mut Tx, order: OrderId) -> Result<Vec<SoldLine>> {
        let tenant = tx.tenant();
        let query = sqlx::query_as(SOLD).bind(tenant.as_str()).bind(order.0);
        let found: Vec<SoldRow> = query.fetch_all(connection(tx).await?).await?;
        found.into_iter().map(SoldRow::read).collect()
    }

    async fn find(&self, tx: &mut Tx, order: OrderId, reference: &str) -> Result<Option<StoredReturn>> {
        let tenant = tx.tenant();
        let query = sqlx::query_as(FIND).bind(tenant.as_str()).bind(order.0).bind(reference);
        let found: Option<ReturnRow> = query.fetch_optional(connection(tx).await?).await?;
        found.map(ReturnRow::read).transpose()
    }

    async fn add(&self, tx: &mut Tx, order: OrderId, reference: &str, items: &ItemReturn) -> Result<ReturnNumber> {
        let tenant = tx.tenant();
        let refund = items.refund();
        let lines = rows(items.lines().iter().map(|line| (line.place, line.fate, line.units)))?;
        let connection = connection(tx).await?;
        let query = sqlx::query_scalar(ADD)
            .bind(self.now())
            .bind(tenant.as_str())
            .bind(order.0)
            .bind(reference)
            .bind(refund.minor)
            .bind(refund.currency.to_string());
        let number: i64 = query.fetch_one(&mut *connection).await?;
        let query = sqlx::query(ADD_LINES).bind(tenant.as_str()).bind(order.0).bind(number).bind(lines);
        query.execute(connection).await?;
        Ok(ReturnNumber(number))
    }
}

impl SoldRow {
    fn read(self) -> Result<SoldLine> {
        let unit_price = Money::new(self.unit_minor, self.currency.parse::<Currency>()?);
        let (product, quantity) = (ProductId(self.product_id), Quantity::new(self.quantity)?);
        let line = OrderLine { product, quantity, unit_price };
        Ok(SoldLine { place: self.line, line, returned: self.returned })
    }
}

impl ReturnRow {
    fn read(self) -> Result<StoredReturn> {
        let currency: Currency = self.currency.parse()?;
        let lines: Vec<(i64, ProductId, i64, i64, ReturnFate)> = serde_json::from_str(&self.lines)?;
        let line = |(place, product, units, unit_minor, fate)| ItemReturnLine {
            place,
            product,
            units,
            unit_price: Money::new(unit_minor, currency),
            fate,
        };
        let refund = Money::new(self.refund_minor, currency);
        let items = ItemReturn::from_stored(lines.into_iter().map(line).collect(), refund);
        Ok(StoredReturn { number: ReturnNumber(self.number), items })
    }
}
