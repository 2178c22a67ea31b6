//! What all payments came to together.

use async_trait::async_trait;
use orderly_contracts::Tenant;
use orderly_payments::{PaymentTotals, Payments};
use wharf::Result;

use super::Adapters;

/// Of each movement one entry, though it stands there twice over.
const MOVES: &str = "
SELECT deed, count(*) FROM ledger_entries WHERE tenant = $1 AND account = 'provider' GROUP BY deed";

const VOIDS: &str = "SELECT count(*) FROM payments WHERE tenant = $1 AND state = 'voided'";

#[async_trait]
impl Payments for Adapters {
    async fn totals(&self, tenant: &Tenant) -> Result<PaymentTotals> {
        let moves: Vec<(String, i64)> = sqlx::query_as(MOVES).bind(tenant.as_str()).fetch_all(&self.pool).await?;
        let moved = |deed: &str| {
            let times = moves.iter().find(|(moved, _)| moved == deed).map_or(0, |(_, times)| *times);
            u64::try_from(times)
        };
        let voids: i64 = sqlx::query_scalar(VOIDS).bind(tenant.as_str()).fetch_one(&self.pool).await?;
        Ok(PaymentTotals { captures: moved("capture")?, refunds: moved("refund")?, voids: voids.try_into()? })
    }
}
