//! How all orders stand together.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use orderly_contracts::{OrderId, Tenant};
use orderly_orders::{Overview, Pace, Stall, Stalled, Totals, domain::OrderStatus};
use sqlx::FromRow;
use wharf::{Failure, Result, Timestamp};

use super::Adapters;
use crate::rows::rows;

/// Whether only a person can go on with an order's fulfilment. wharf keeps the state of sagas, and its name for us. Asked of
/// each order by its saga's key: as a join, a plan made while the tables were small would walk all sagas for each order.
macro_rules! needs_attention {
    () => {
        sql!("(SELECT coalesce(max(saga.state_name), '') FROM " sagas " AS saga
          WHERE saga.tenant = orders.tenant AND saga.saga = 'orders.fulfilment' AND saga.key = 'order:' || orders.id)
          = 'NeedsAttention'")
    };
}

/// In the words of the index `orders_under_way`, so that it is used.
const UNDER_WAY: &str = sql!("
SELECT count(*) FROM orders
WHERE tenant = $1 AND status IN ('Pending', 'Validated', 'PaymentProcessing', 'Paid', 'Shipped')
  AND NOT (" needs_attention ")");

const TOTALS: &str = sql!("
SELECT CASE WHEN " needs_attention " THEN NULL ELSE status END, cancel_reason, count(*)
FROM orders WHERE tenant = $1 GROUP BY 1, 2 ORDER BY 1, 2");

const ENDED: &str = "
SELECT count(*) FROM orders
WHERE tenant = $1 AND updated_at >= $2 AND status IN ('Delivered', 'Cancelled', 'Expired')";

const TIMES: &str = "
SELECT updated_at - created_at FROM orders
WHERE tenant = $1 AND created_at >= $2 AND status IN ('Delivered', 'Cancelled', 'Expired') ORDER BY 1";

const PLACED_UNDER: &str = "
SELECT reference, id FROM orders WHERE tenant = $1 AND reference IN (SELECT value ->> 0 FROM json_each($2))";

const EFFECTIVE_CANCELLATIONS: &str = "
SELECT cancel_reference FROM orders
WHERE tenant = $1 AND status = 'Cancelled' AND cancel_reason = 'customer' AND cancel_reference IS NOT NULL";

#[derive(FromRow)]
struct StalledRow {
    tenant: String,
    id: i64,
    why: String,
    since: i64,
}

/// Who needs attention says so in the words of the index `orders_for_attention`. What was given up about an order matters
/// until its saga has ended. An order that still waits to be validated has no timer, and the sweep does not take it.
const STALLED: &str = sql!("
SELECT tenant, id, why, since FROM (
    SELECT tenant, id, 'needs-attention' AS why, coalesce(attention_since, updated_at) AS since FROM orders WHERE attention IS NOT NULL
    UNION ALL
    SELECT orders.tenant, orders.id, 'given-up', given_up.since
    FROM (
        SELECT tenant, key, min(died_at) AS since FROM " dead_letters " WHERE key LIKE 'order:%' GROUP BY tenant, key
    ) AS given_up
    JOIN orders ON orders.tenant = given_up.tenant AND orders.id = CAST(substr(given_up.key, 7) AS BIGINT)
    LEFT JOIN " sagas " AS saga
        ON saga.tenant = given_up.tenant AND saga.saga = 'orders.fulfilment' AND saga.key = given_up.key
    WHERE saga.finished_at IS NULL
    UNION ALL
    SELECT tenant, CAST(substr(key, 7) AS BIGINT), 'overdue', min(due_at) FROM " timers "
    WHERE saga = 'orders.fulfilment' AND due_at < " now " - $3 GROUP BY tenant, key
    UNION ALL
    SELECT tenant, id, 'overdue', updated_at FROM orders
    WHERE status IN ('Pending', 'Validated', 'PaymentProcessing') AND updated_at < " now " - $2
) AS stalled
ORDER BY since, tenant, id LIMIT $4");

const ENDED_UNDER: &str = "
SELECT reference, id, status FROM orders
WHERE tenant = $1 AND reference IN (SELECT value ->> 0 FROM json_each($2))
  AND status IN ('Delivered', 'Cancelled', 'Expired')";

const RETURNS: &str = "
SELECT reference FROM order_returns WHERE tenant = $1";

#[async_trait]
impl Overview for Adapters {
    async fn under_way(&self, tenant: &Tenant) -> Result<u64> {
        let orders: i64 = sqlx::query_scalar(UNDER_WAY).bind(tenant.as_str()).fetch_one(&self.pool).await?;
        Ok(orders.try_into()?)
    }

    async fn totals(&self, tenant: &Tenant) -> Result<Totals> {
        let groups = sqlx::query_as(TOTALS).bind(tenant.as_str());
        let groups: Vec<(Option<String>, Option<String>, i64)> = groups.fetch_all(&self.pool).await?;
        let mut totals = Totals::default();
        for (status, cancel_reason, orders) in groups {
            let orders = u64::try_from(orders)?;
            totals.orders += orders;
            match status.map(|status| status.parse()).transpose()? {
                None => totals.needs_attention += orders,
                Some(OrderStatus::Delivered) => totals.delivered += orders,
                Some(OrderStatus::Expired) => totals.expired += orders,
                Some(OrderStatus::Cancelled) => {
                    totals.cancelled.push((cancel_reason.unwrap_or_default().parse()?, orders));
                }
                Some(
                    OrderStatus::Pending
                    | OrderStatus::Validated
                    | OrderStatus::PaymentProcessing
                    | OrderStatus::Paid
                    | OrderStatus::Shipped,
                ) => totals.under_way += orders,
            }
        }
        Ok(totals)
    }

    async fn pace(&self, tenant: &Tenant, since: Timestamp) -> Result<Pace> {
        let since = since.as_micros();
        let ended: i64 = sqlx::query_scalar(ENDED).bind(tenant.as_str()).bind(since).fetch_one(&self.pool).await?;
        let times: Vec<i64> = sqlx::query_scalar(TIMES).bind(tenant.as_str()).bind(since).fetch_all(&self.pool).await?;
        Ok(Pace { ended: ended.try_into()?, median: percentile(&times, 50), percentile_99: percentile(&times, 99) })
    }

    async fn placed_under(&self, tenant: &Tenant, references: &[&str]) -> Result<Vec<(String, OrderId)>> {
        let references = rows(references.iter().map(|reference| (reference,)))?;
        let placed = sqlx::query_as(PLACED_UNDER).bind(tenant.as_str()).bind(references);
        let placed: Vec<(String, i64)> = placed.fetch_all(&self.pool).await?;
        Ok(placed.into_iter().map(|(reference, order)| (reference, OrderId(order))).collect())
    }

    async fn effective_cancellations(&self, tenant: &Tenant) -> Result<Vec<String>> {
        let references = sqlx::query_scalar(EFFECTIVE_CANCELLATIONS).bind(tenant.as_str());
        Ok(references.fetch_all(&self.pool).await?)
    }

    async fn ended_under(&self, tenant: &Tenant, references: &[&str]) -> Result<Vec<(String, OrderId, OrderStatus)>> {
        let references = rows(references.iter().map(|reference| (reference,)))?;
        let ended = sqlx::query_as(ENDED_UNDER).bind(tenant.as_str()).bind(references);
        let ended: Vec<(String, i64, String)> = ended.fetch_all(&self.pool).await?;
        let read = |(reference, order, status): (String, i64, String)| Ok((reference, OrderId(order), status.parse()?));
        ended.into_iter().map(read).collect()
    }

    async fn returns(&self, tenant: &Tenant) -> Result<Vec<String>> {
        Ok(sqlx::query_scalar(RETURNS).bind(tenant.as_str()).fetch_all(&self.pool).await?)
    }

    async fn stalled(&self, patience: Duration, grace: Duration, limit: u32) -> Result<Vec<Stalled>> {
        let rows = sqlx::query_as(STALLED)
            .bind(self.now())
            .bind(wharf::micros(patience))
            .bind(wharf::micros(grace))
            .bind(i64::from(limit));
        let rows: Vec<StalledRow> = rows.fetch_all(&self.pool).await?;
        let mut stalled: BTreeMap<(String, i64), Stalled> = BTreeMap::new();
        for row in rows {
            let found = row.read()?;
            let known = stalled.entry((row.tenant, row.id)).or_insert_with(|| found.clone());
            if found.why < known.why {
                *known = found;
            }
        }
        let mut stalled: Vec<_> = stalled.into_values().collect();
        stalled.sort_by_key(|stalled| stalled.since);
        Ok(stalled)
    }
}

impl StalledRow {
    fn read(&self) -> Result<Stalled> {
        let why = Stall::ALL.into_iter().find(|why| why.as_str() == self.why);
        Ok(Stalled {
            tenant: Tenant::new(self.tenant.as_str()),
            order: OrderId(self.id),
            why: why.ok_or_else(|| Failure::retry(format!("`{}` is no reason to stall", self.why)))?,
            since: Timestamp::from_micros(self.since),
        })
    }
}

/// The nearest rank: that many in a hundred of the sorted `times`, in microseconds, are no longer.
fn percentile(times: &[i64], percent: usize) -> Duration {
    let rank = (times.len() * percent).div_ceil(100);
    let time = rank.checked_sub(1).and_then(|index| times.get(index)).copied().unwrap_or_default();
    Duration::from_micros(time.max(0).unsigned_abs())
}
