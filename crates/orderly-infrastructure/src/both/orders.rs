//! Orders as people see them.

use async_trait::async_trait;
use orderly_contracts::{Currency, CustomerId, Money, OrderId, ProductId, Quantity, Tenant};
use orderly_orders::{
    Attention, OrderFilter, OrderStep, OrderView, Orders,
    domain::{OrderLine, SoldLine},
};
use sqlx::FromRow;
use wharf::{Result, Timestamp};

use super::Adapters;
use crate::tenant_guard::Owners;

/// What [`OrderView`] is made of.
macro_rules! order_view {
    () => {
        "id, customer_id, reference, status, cancel_reason, attention, attention_since, total_minor, currency, created_at,
         updated_at, (
           SELECT '[' || string_agg('[' || line || ',' || product_id || ',' || quantity || ',' || unit_minor || ',' || (
                                      SELECT coalesce(sum(units), 0) FROM order_return_lines AS back
                                      WHERE back.tenant = orders.tenant AND back.order_id = orders.id
                                        AND back.line = order_lines.line
                                    ) || ']', ',' ORDER BY line) || ']'
           FROM order_lines WHERE order_lines.tenant = orders.tenant AND order_id = id
         ) AS lines"
    };
}

#[derive(FromRow)]
struct OrderRow {
    id: i64,
    customer_id: i64,
    reference: Option<String>,
    status: String,
    cancel_reason: Option<String>,
    attention: Option<String>,
    attention_since: Option<i64>,
    total_minor: i64,
    currency: String,
    created_at: i64,
    updated_at: i64,
    /// Place, product, units, price and returned units of each line, as JSON.
    lines: String,
}

const ORDER: &str = sql!("
SELECT " order_view " FROM orders WHERE tenant = $1 AND id = $2");

const ORDERS: &str = sql!("
SELECT " order_view " FROM orders WHERE tenant = $1 AND id < $2 AND ($3 IS NULL OR status = $3)
ORDER BY id DESC LIMIT $4");

/// A text of its own, so that it walks the customer's index and not all orders.
const ORDERS_OF_CUSTOMER: &str = sql!("
SELECT " order_view " FROM orders WHERE tenant = $1 AND id < $2 AND ($3 IS NULL OR status = $3) AND customer_id = $5
ORDER BY id DESC LIMIT $4");

const HISTORY: &str = "
SELECT status, detail, at FROM order_history WHERE tenant = $1 AND order_id = $2 ORDER BY step";

const HAS: &str = "SELECT 1 FROM orders WHERE tenant = $1 AND id = $2";

#[async_trait]
impl Owners for Adapters {
    async fn has_order(&self, tenant: &Tenant, order: OrderId) -> Result<bool> {
        let query = sqlx::query(HAS).bind(tenant.as_str()).bind(order.0);
        Ok(query.fetch_optional(&self.pool).await?.is_some())
    }
}

#[async_trait]
impl Orders for Adapters {
    async fn order(&self, tenant: &Tenant, order: OrderId) -> Result<Option<OrderView>> {
        let query = sqlx::query_as(ORDER).bind(tenant.as_str()).bind(order.0);
        let found: Option<OrderRow> = query.fetch_optional(&self.pool).await?;
        found.map(OrderRow::read).transpose()
    }

    async fn orders(&self, tenant: &Tenant, filter: &OrderFilter) -> Result<Vec<OrderView>> {
        let query = sqlx::query_as(if filter.customer.is_some() { ORDERS_OF_CUSTOMER } else { ORDERS })
            .bind(tenant.as_str())
            .bind(filter.before.map_or(i64::MAX, |before| before.0))
            .bind(filter.status.map(|status| status.as_str()))
            .bind(i64::from(filter.limit))
            .bind(filter.customer.map(|customer| customer.0));
        let found: Vec<OrderRow> = query.fetch_all(&self.pool).await?;
        found.into_iter().map(OrderRow::read).collect()
    }

    async fn history(&self, tenant: &Tenant, order: OrderId) -> Result<Vec<OrderStep>> {
        let query = sqlx::query_as(HISTORY).bind(tenant.as_str()).bind(order.0);
        let steps: Vec<(String, String, i64)> = query.fetch_all(&self.pool).await?;
        let read = |(status, detail, at): (String, String, i64)| {
            Ok(OrderStep { status: status.parse()?, detail, at: Timestamp::from_micros(at) })
        };
        steps.into_iter().map(read).collect()
    }
}

impl OrderRow {
    fn read(self) -> Result<OrderView> {
        let currency: Currency = self.currency.parse()?;
        let lines: Vec<(i64, ProductId, Quantity, i64, i64)> = serde_json::from_str(&self.lines)?;
        let line = |(place, product, quantity, unit_minor, returned)| SoldLine {
            place,
            line: OrderLine { product, quantity, unit_price: Money::new(unit_minor, currency) },
            returned,
        };
        Ok(OrderView {
            id: OrderId(self.id),
            customer: CustomerId(self.customer_id),
            reference: self.reference,
            status: self.status.parse()?,
            cancel_reason: self.cancel_reason.map(|reason| reason.parse()).transpose()?,
            attention: self
                .attention
                .map(|reason| Attention { reason, since: self.attention_since.map(Timestamp::from_micros) }),
            total: Money::new(self.total_minor, currency),
            lines: lines.into_iter().map(line).collect(),
            created_at: Timestamp::from_micros(self.created_at),
            updated_at: Timestamp::from_micros(self.updated_at),
        })
    }
}
