//! The order book: orders, their lines and their history.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use orderly_contracts::{
    Currency, CustomerId, Money, OrderId, ProductId, Quantity,
    orders::{Line, PlacedOrder},
};
use orderly_orders::{
    Book, OrderChange, StoredOrder,
    domain::{NewOrder, OrderStatus},
};
use sqlx::FromRow;
use uuid::Uuid;
use wharf::{Failure, Permanent, Result, Timestamp, Tx};

use super::{Adapters, connection};
use crate::{
    history::{self, Entry, PLACED},
    rows::rows,
};

/// What [`StoredOrder`] is made of.
macro_rules! stored_order {
    () => {
        "id, correlation, customer_id, status, total_minor, currency, created_at, (
           SELECT '[' || string_agg('[' || product_id || ',' || quantity || ']', ',') || ']'
           FROM order_lines WHERE order_lines.tenant = orders.tenant AND order_id = id
         ) AS lines"
    };
}

#[derive(FromRow)]
struct OrderRow {
    id: i64,
    correlation: String,
    customer_id: i64,
    status: String,
    total_minor: i64,
    currency: String,
    created_at: i64,
    /// Product and units of each line, as JSON.
    lines: String,
}

/// The history's first step is written by the table itself; so are the later ones.
const PLACE: &str = sql!("
INSERT INTO orders (tenant, correlation, customer_id, reference, status, step, detail, total_minor, currency, created_at,
                    updated_at)
SELECT $2, $3, $4, $5, 'Pending', 1, $6, $7, $8, at, at FROM (SELECT " now " AS at) AS moment WHERE true
ON CONFLICT (tenant, reference) DO NOTHING
RETURNING id, created_at");

const PLACE_LINES: &str = "
INSERT INTO order_lines (tenant, order_id, line, product_id, quantity, unit_minor)
SELECT $1, $2, key + 1, CAST(value ->> 0 AS BIGINT), CAST(value ->> 1 AS BIGINT), CAST(value ->> 2 AS BIGINT)
FROM json_each($3)";

const BY_REFERENCE: &str = sql!("
SELECT " stored_order " FROM orders WHERE tenant = $1 AND reference = $2" locked);

const FIND: &str = sql!("
SELECT " stored_order " FROM orders WHERE tenant = $1 AND id = $2" locked);

/// Finds the order only where the graph leads on.
const APPLY: &str = sql!("
UPDATE orders SET status = $4, step = step + 1, detail = $5, cancel_reason = $6, updated_at = " now "
WHERE tenant = $2 AND id = $3 AND status IN (SELECT value ->> 0 FROM json_each($7))");

/// Called again for another reason, it has waited all the same.
const CALL_ATTENTION: &str = sql!("
UPDATE orders SET attention = $4,
                  attention_since = CASE WHEN $4 IS NULL THEN NULL ELSE coalesce(attention_since, " now ") END
WHERE tenant = $2 AND id = $3");

const STATUS: &str = "
SELECT status FROM orders WHERE tenant = $1 AND id = $2";

const NOTE_CANCELLATION: &str = "
UPDATE orders SET cancel_reference = $3 WHERE tenant = $1 AND id = $2";

const STALE: &str = sql!("
SELECT id FROM orders
WHERE tenant = $2 AND status IN ('Validated', 'PaymentProcessing') AND updated_at <= " now " - $3
ORDER BY updated_at, id LIMIT $4");

const COUNT_STALE: &str = sql!("
SELECT count(*) FROM orders
WHERE tenant = $2 AND status IN ('Validated', 'PaymentProcessing') AND updated_at <= " now " - $3");

#[async_trait]
impl Book for Adapters {
    async fn place(&self, tx: &mut Tx, order: &NewOrder, reference: Option<&str>) -> Result<(StoredOrder, bool)> {
        let tenant = tx.tenant();
        let correlation = Uuid::now_v7();
        let total = order.total();
        let connection = connection(tx).await?;
        let placed = sqlx::query_as(PLACE)
            .bind(self.now())
            .bind(tenant.as_str())
            .bind(correlation.to_string())
            .bind(order.customer().0)
            .bind(reference)
            .bind(PLACED)
            .bind(total.minor)
            .bind(total.currency.to_string())
            .fetch_optional(&mut *connection)
            .await?;
        let Some((id, created_at)): Option<(i64, i64)> = placed else {
            let before: OrderRow =
                sqlx::query_as(BY_REFERENCE).bind(tenant.as_str()).bind(reference).fetch_one(connection).await?;
            return Ok((before.read()?, false));
        };
        let lines = order.lines().iter();
        let lines = rows(lines.map(|line| (line.product, line.quantity, line.unit_price.minor)))?;
        sqlx::query(PLACE_LINES).bind(tenant.as_str()).bind(id).bind(lines).execute(connection).await?;
        let placed = PlacedOrder {
            order_id: OrderId(id),
            correlation,
            customer: order.customer(),
            lines: summed(order.lines().iter().map(|line| (line.product, line.quantity.units())))?,
            total,
            created_at: Timestamp::from_micros(created_at),
        };
        Ok((StoredOrder { placed, status: OrderStatus::Pending }, true))
    }

    async fn find(&self, tx: &mut Tx, order: OrderId) -> Result<Option<StoredOrder>> {
        let tenant = tx.tenant();
        let query = sqlx::query_as(FIND).bind(tenant.as_str()).bind(order.0);
        let found: Option<OrderRow> = query.fetch_optional(connection(tx).await?).await?;
        found.map(OrderRow::read).transpose()
    }

    async fn apply(&self, tx: &mut Tx, order: OrderId, change: &OrderChange) -> Result {
        let tenant = tx.tenant();
        let connection = connection(tx).await?;
        let step = match history::entry(change) {
            Entry::Step(step) => step,
            Entry::Attention(reason) => {
                let query = sqlx::query(CALL_ATTENTION).bind(self.now());
                let query = query.bind(tenant.as_str()).bind(order.0).bind(reason);
                return match query.execute(connection).await?.rows_affected() {
                    1 => Ok(()),
                    _ => Err(Failure::dead_letter(format!("there is no order {order}"))),
                };
            }
        };
        let applied = sqlx::query(APPLY)
            .bind(self.now())
            .bind(tenant.as_str())
            .bind(order.0)
            .bind(step.status.as_str())
            .bind(&*step.detail)
            .bind(step.cancel_reason.map(|reason| reason.as_str()))
            .bind(rows(history::predecessors(step.status).map(|before| (before.as_str(),)))?)
            .execute(&mut *connection)
            .await?;
        if applied.rows_affected() == 1 {
            return Ok(());
        }
        let status = sqlx::query_scalar(STATUS).bind(tenant.as_str()).bind(order.0).fetch_optional(connection).await?;
        let status: String = status.ok_or_else(|| Failure::dead_letter(format!("there is no order {order}")))?;
        status.parse::<OrderStatus>()?.to(step.status).permanent()?;
        Err(Failure::retry(format!("order {order} moved at the same time")))
    }

    async fn note_cancellation(&self, tx: &mut Tx, order: OrderId, reference: Option<&str>) -> Result {
        let tenant = tx.tenant();
        let query = sqlx::query(NOTE_CANCELLATION).bind(tenant.as_str()).bind(order.0).bind(reference);
        query.execute(connection(tx).await?).await?;
        Ok(())
    }

    async fn stale(&self, tx: &mut Tx, age: Duration, limit: u32) -> Result<Vec<OrderId>> {
        let tenant = tx.tenant();
        let query = sqlx::query_scalar(STALE)
            .bind(self.now())
            .bind(tenant.as_str())
            .bind(wharf::micros(age))
            .bind(i64::from(limit));
        let stale: Vec<i64> = query.fetch_all(connection(tx).await?).await?;
        Ok(stale.into_iter().map(OrderId).collect())
    }

    async fn count_stale(&self, tx: &mut Tx, age: Duration) -> Result<u64> {
        let tenant = tx.tenant();
        let query = sqlx::query_scalar(COUNT_STALE).bind(self.now()).bind(tenant.as_str()).bind(wharf::micros(age));
        let orders: i64 = query.fetch_one(connection(tx).await?).await?;
        Ok(orders.try_into()?)
    }
}

impl OrderRow {
    fn read(self) -> Result<StoredOrder> {
        let lines: Vec<(ProductId, i64)> = serde_json::from_str(&self.lines)?;
        let placed = PlacedOrder {
            order_id: OrderId(self.id),
            correlation: self.correlation.parse()?,
            customer: CustomerId(self.customer_id),
            lines: summed(lines)?,
            total: Money::new(self.total_minor, self.currency.parse::<Currency>()?),
            created_at: Timestamp::from_micros(self.created_at),
        };
        Ok(StoredOrder { placed, status: self.status.parse()? })
    }
}

/// One line for each product, in product order.
fn summed(lines: impl IntoIterator<Item = (ProductId, i64)>) -> Result<Vec<Line>> {
    let mut units: BTreeMap<ProductId, i64> = BTreeMap::new();
    for (product, more) in lines {
        *units.entry(product).or_default() += more;
    }
    let line = |(product, units)| Ok(Line { product, quantity: Quantity::new(units)? });
    units.into_iter().map(line).collect()
}
