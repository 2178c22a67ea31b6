//! Refunds of returns, and the calls for them.

use async_trait::async_trait;
use orderly_contracts::{Currency, Money, OrderId, ReturnNumber, Tenant};
use orderly_payments::{
    Refunds,
    domain::{AttemptState, Refund, RefundKey},
};
use sqlx::FromRow;
use wharf::{Result, Tx};

use super::{Adapters, connection};

#[derive(FromRow)]
struct RefundRow {
    return_number: i64,
    amount_minor: i64,
    currency: String,
    refunded_at: Option<i64>,
}

const LOOK_UP: &str = "
SELECT return_number, amount_minor, currency, refunded_at FROM payment_refunds
WHERE tenant = $1 AND order_id = $2 AND return_number = $3";

const OF_ORDER: &str = "
SELECT return_number, amount_minor, currency, refunded_at FROM payment_refunds
WHERE tenant = $1 AND order_id = $2 ORDER BY return_number";

const ADD: &str = sql!("
INSERT INTO payment_refunds (tenant, order_id, return_number, amount_minor, currency, requested_at)
VALUES ($2, $3, $4, $5, $6, " now ")");

const IS_MADE: &str = sql!("
UPDATE payment_refunds SET refunded_at = " now "
WHERE tenant = $2 AND order_id = $3 AND return_number = $4 AND refunded_at IS NULL");

const NOTE_ATTEMPT: &str = sql!("
INSERT INTO refund_attempts (tenant, order_id, return_number, number, state, updated_at)
VALUES ($2, $3, $4, $5, $6, " now ")
ON CONFLICT (tenant, order_id, return_number, number)
DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at");

#[async_trait]
impl Refunds for Adapters {
    async fn look_up(&self, tenant: &Tenant, key: RefundKey) -> Result<Option<Refund>> {
        let query = sqlx::query_as(LOOK_UP).bind(tenant.as_str()).bind(key.order.0).bind(key.number.0);
        let found: Option<RefundRow> = query.fetch_optional(&self.pool).await?;
        found.map(|row| row.read(key.order)).transpose()
    }

    async fn of_order(&self, tx: &mut Tx, order: OrderId) -> Result<Vec<Refund>> {
        let tenant = tx.tenant();
        let query = sqlx::query_as(OF_ORDER).bind(tenant.as_str()).bind(order.0);
        let found: Vec<RefundRow> = query.fetch_all(connection(tx).await?).await?;
        found.into_iter().map(|row| row.read(order)).collect()
    }

    async fn add(&self, tx: &mut Tx, refund: &Refund) -> Result {
        let tenant = tx.tenant();
        let (key, amount) = (refund.key(), refund.amount());
        let query = sqlx::query(ADD)
            .bind(self.now())
            .bind(tenant.as_str())
            .bind(key.order.0)
            .bind(key.number.0)
            .bind(amount.minor)
            .bind(amount.currency.to_string());
        query.execute(connection(tx).await?).await?;
        Ok(())
    }

    async fn is_made(&self, tx: &mut Tx, key: RefundKey) -> Result {
        let tenant = tx.tenant();
        let query = sqlx::query(IS_MADE).bind(self.now()).bind(tenant.as_str()).bind(key.order.0).bind(key.number.0);
        query.execute(connection(tx).await?).await?;
        Ok(())
    }

    async fn note_attempt(&self, tx: &mut Tx, key: RefundKey, number: u32, state: AttemptState) -> Result {
        let tenant = tx.tenant();
        let query = sqlx::query(NOTE_ATTEMPT)
            .bind(self.now())
            .bind(tenant.as_str())
            .bind(key.order.0)
            .bind(key.number.0)
            .bind(i64::from(number))
            .bind(state.as_str());
        query.execute(connection(tx).await?).await?;
        Ok(())
    }
}

impl RefundRow {
    fn read(self, order: OrderId) -> Result<Refund> {
        let key = RefundKey { order, number: ReturnNumber(self.return_number) };
        let amount = Money::new(self.amount_minor, self.currency.parse::<Currency>()?);
        Ok(Refund::from_stored(key, amount, self.refunded_at.is_some()))
    }
}
