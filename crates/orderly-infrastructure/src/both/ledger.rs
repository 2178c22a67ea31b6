//! Payment intents and attempts.

use async_trait::async_trait;
use orderly_contracts::{CaptureId, Currency, Money, OrderId, Tenant};
use orderly_payments::{
    Capture, Ledger,
    domain::{AttemptState, Intent, IntentNumber, IntentState, PaymentKey},
};
use sqlx::FromRow;
use wharf::{Failure, Result, Tx};

use super::{Adapters, connection};

#[derive(FromRow)]
struct IntentRow {
    intent: i64,
    total_minor: i64,
    currency: String,
    state: String,
    capture: Option<String>,
    captured_minor: Option<i64>,
    reason: Option<String>,
}

/// The last intent of an order.
macro_rules! last_intent {
    () => {
        "
SELECT intent, total_minor, currency, state, capture, captured_minor, reason FROM payments
WHERE tenant = $1 AND order_id = $2 ORDER BY intent DESC LIMIT 1"
    };
}

const LOOK_UP: &str = last_intent!();

const FIND: &str = sql!(last_intent locked);

/// A request only ever begins: one that comes while another transaction writes the same intent replaces nothing.
const SAVE: &str = sql!("
INSERT INTO payments (tenant, order_id, intent, total_minor, currency, state, capture, captured_minor, reason, updated_at)
VALUES ($2, $3, $4, $5, $6, $7, $8, $9, $10, " now ")
ON CONFLICT (tenant, order_id, intent) DO UPDATE
SET state = excluded.state, capture = excluded.capture, captured_minor = excluded.captured_minor,
    reason = excluded.reason, updated_at = excluded.updated_at
WHERE excluded.state <> 'requested'");

const NOTE_ATTEMPT: &str = sql!("
INSERT INTO payment_attempts (tenant, order_id, number, state, updated_at) VALUES ($2, $3, $4, $5, " now ")
ON CONFLICT (tenant, order_id, number) DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at");

const BOOK_STRAY: &str = sql!("
INSERT INTO payment_strays (tenant, order_id, capture, amount_minor, currency, booked_at)
VALUES ($2, $3, $4, $5, $6, " now ")
ON CONFLICT (tenant, order_id, capture) DO NOTHING");

const STRAY_IS_REFUNDED: &str = sql!("
UPDATE payment_strays SET refunded_at = " now " WHERE tenant = $2 AND order_id = $3 AND capture = $4 AND refunded_at IS NULL");

const NOTE_DISPUTE: &str = "
UPDATE payments SET dispute = $3 WHERE tenant = $1 AND order_id = $2 AND dispute IS NULL";

#[async_trait]
impl Ledger for Adapters {
    async fn look_up(&self, tenant: &Tenant, order: OrderId) -> Result<Option<Intent>> {
        let query = sqlx::query_as(LOOK_UP).bind(tenant.as_str()).bind(order.0);
        let found: Option<IntentRow> = query.fetch_optional(&self.pool).await?;
        found.map(|row| row.read(order)).transpose()
    }

    async fn find(&self, tx: &mut Tx, order: OrderId) -> Result<Option<Intent>> {
        let tenant = tx.tenant();
        let query = sqlx::query_as(FIND).bind(tenant.as_str()).bind(order.0);
        let found: Option<IntentRow> = query.fetch_optional(connection(tx).await?).await?;
        found.map(|row| row.read(order)).transpose()
    }

    async fn save(&self, tx: &mut Tx, intent: &Intent) -> Result {
        let tenant = tx.tenant();
        let (key, total) = (intent.key(), intent.total());
        let (capture, amount, reason) = match intent.state() {
            IntentState::Requested | IntentState::Accepted | IntentState::Voided => (None, None, None),
            IntentState::Captured { capture, amount } | IntentState::Refunded { capture, amount } => {
                (Some(capture.as_str()), Some(amount.minor), None)
            }
            IntentState::Declined { reason } => (None, None, Some(reason.as_str())),
        };
        let query = sqlx::query(SAVE)
            .bind(self.now())
            .bind(tenant.as_str())
            .bind(key.order.0)
            .bind(i64::from(key.intent.0))
            .bind(total.minor)
            .bind(total.currency.to_string())
            .bind(intent.state().name())
            .bind(capture)
            .bind(amount)
            .bind(reason);
        match query.execute(connection(tx).await?).await?.rows_affected() {
            1 => Ok(()),
            _ => Err(Failure::retry(format!("payment {key} was written at the same time"))),
        }
    }

    async fn note_attempt(&self, tx: &mut Tx, order: OrderId, number: u32, state: AttemptState) -> Result {
        let tenant = tx.tenant();
        let query = sqlx::query(NOTE_ATTEMPT)
            .bind(self.now())
            .bind(tenant.as_str())
            .bind(order.0)
            .bind(i64::from(number))
            .bind(state.as_str());
        query.execute(connection(tx).await?).await?;
        Ok(())
    }

    async fn book_stray(&self, tx: &mut Tx, order: OrderId, capture: &Capture) -> Result<bool> {
        let tenant = tx.tenant();
        let query = sqlx::query(BOOK_STRAY)
            .bind(self.now())
            .bind(tenant.as_str())
            .bind(order.0)
            .bind(capture.id.as_str())
            .bind(capture.amount.minor)
            .bind(capture.amount.currency.to_string());
        Ok(query.execute(connection(tx).await?).await?.rows_affected() == 1)
    }

    async fn stray_is_refunded(&self, tx: &mut Tx, order: OrderId, capture: &CaptureId) -> Result {
        let tenant = tx.tenant();
        let query =
            sqlx::query(STRAY_IS_REFUNDED).bind(self.now()).bind(tenant.as_str()).bind(order.0).bind(capture.as_str());
        query.execute(connection(tx).await?).await?;
        Ok(())
    }

    async fn note_dispute(&self, tx: &mut Tx, order: OrderId, reason: &str) -> Result<bool> {
        let tenant = tx.tenant();
        let query = sqlx::query(NOTE_DISPUTE).bind(tenant.as_str()).bind(order.0).bind(reason);
        Ok(query.execute(connection(tx).await?).await?.rows_affected() > 0)
    }
}

impl IntentRow {
    fn read(self, order: OrderId) -> Result<Intent> {
        let key = PaymentKey { order, intent: IntentNumber(u32::try_from(self.intent)?) };
        let currency: Currency = self.currency.parse()?;
        let amount = self.captured_minor.map(|minor| Money::new(minor, currency));
        let state = match (self.state.as_str(), self.capture.map(CaptureId::new), amount, self.reason) {
            ("requested", None, None, None) => IntentState::Requested,
            ("accepted", None, None, None) => IntentState::Accepted,
            ("captured", Some(capture), Some(amount), None) => IntentState::Captured { capture, amount },
            ("refunded", Some(capture), Some(amount), None) => IntentState::Refunded { capture, amount },
            ("declined", None, None, Some(reason)) => IntentState::Declined { reason },
            ("voided", None, None, None) => IntentState::Voided,
            (other, ..) => return Err(Failure::retry(format!("the row of payment {key}, {other}, makes no sense"))),
        };
        Ok(Intent::from_stored(key, Money::new(self.total_minor, currency), state))
    }
}
