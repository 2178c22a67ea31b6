//! One walk over the shop's orders and the providers' books: everything about each order, from both sides.

use futures_util::{
    TryStreamExt,
    stream::{self, BoxStream},
};
use sqlx::FromRow;

use super::snapshot::Snapshot;
use crate::simulators::{Deed, DeedKind, Marks, Statement};

/// An order with one of its payments, if it has any, and its shipment, as the shop has them on record.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Claim {
    pub(crate) order_id: i64,
    pub(crate) status: String,
    /// 1 when its saga has ended.
    pub(crate) is_over: i64,
    /// Of the payment; empty without one.
    pub(crate) key: String,
    pub(crate) state: String,
    pub(crate) capture: String,
    pub(crate) captured: i64,
    pub(crate) currency: String,
    /// Of the order's returns: key, amount and whether it was made of each refund, as JSON.
    pub(crate) refunds: String,
    /// Of the shipment; empty before the carrier has accepted it.
    pub(crate) tracking: String,
    /// What the ledger says that the provider did for the order, such as `capture 250 GBP,refund 100 GBP`.
    pub(crate) booked: String,
    /// 1 while a message about the order waits, or a timer that brings the next one soon.
    pub(crate) is_under_way: i64,
}

const CLAIMS: &str = r#"
SELECT orders.id AS order_id, orders.status,
       CAST(CASE WHEN saga.finished_at IS NULL THEN 0 ELSE 1 END AS BIGINT) AS is_over,
       coalesce('pay:' || orders.id || ':' || payments.intent, '') AS key,
       coalesce(payments.state, '') AS state,
       coalesce(payments.capture, '') AS capture,
       coalesce(payments.captured_minor, 0) AS captured,
       coalesce(payments.currency, '') AS currency,
       coalesce((
         SELECT '[' || string_agg('["refund:' || order_id || ':' || return_number || '",' || amount_minor || ',"' || currency
                                  || '",' || CASE WHEN refunded_at IS NULL THEN 'false' ELSE 'true' END || ']', ',') || ']'
         FROM payment_refunds WHERE payment_refunds.tenant = orders.tenant AND payment_refunds.order_id = orders.id
       ), '[]') AS refunds,
       coalesce(shipments.tracking, '') AS tracking,
       coalesce(ledger.booked, '') AS booked,
       CAST(CASE WHEN waiting.key IS NULL THEN 0 ELSE 1 END AS BIGINT) AS is_under_way
FROM orders
LEFT JOIN wharf.sagas AS saga ON saga.tenant = orders.tenant AND saga.saga = 'orders.fulfilment'
    AND saga.key = 'order:' || orders.id
LEFT JOIN payments ON payments.tenant = orders.tenant AND payments.order_id = orders.id
LEFT JOIN shipments ON shipments.tenant = orders.tenant AND shipments.order_id = orders.id
LEFT JOIN (
    SELECT tenant, order_id, string_agg(deed || ' ' || minor || ' ' || currency, ',') AS booked
    FROM (
        SELECT tenant, order_id, deed, currency,
               sum(CASE deed WHEN 'capture' THEN debit_minor - credit_minor ELSE credit_minor - debit_minor END) AS minor
        FROM ledger_entries WHERE account = 'provider' GROUP BY tenant, order_id, deed, currency
    ) AS sums
    GROUP BY tenant, order_id
) AS ledger ON ledger.tenant = orders.tenant AND ledger.order_id = orders.id
LEFT JOIN (
    SELECT tenant, key FROM wharf.deliveries
    UNION SELECT tenant, key FROM wharf.timers WHERE saga = 'orders.fulfilment' AND name <> 'Delivery'
) AS waiting ON waiting.tenant = orders.tenant AND waiting.key = 'order:' || orders.id
ORDER BY orders.id, payments.intent"#;

/// The refund of a return, as the shop has it on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refund {
    pub(crate) key: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) is_made: bool,
}

impl Refund {
    /// All of an order's; each of its claims has the same.
    fn of(claims: &[Claim]) -> sqlx::Result<Vec<Self>> {
        let refunds = claims.first().map_or("[]", |claim| claim.refunds.as_str());
        let refunds: Vec<(String, i64, String, bool)> =
            serde_json::from_str(refunds).map_err(|error| sqlx::Error::Decode(error.into()))?;
        let read = |(key, amount, currency, is_made)| Self { key, amount, currency, is_made };
        Ok(refunds.into_iter().map(read).collect())
    }

    pub(crate) fn is(&self, deed: &Deed) -> bool {
        self.key == deed.key && self.amount == deed.amount && self.currency == deed.currency
    }
}

/// Visits every order that the shop or a provider knows, in the order of their numbers.
pub(crate) async fn each_case(
    shop: &mut Snapshot,
    mut books: Option<Statement>,
    marks: Marks,
    mut visit: impl FnMut(&Case),
) -> sqlx::Result<()> {
    let deeds = books.as_mut().map_or_else(|| Box::pin(stream::empty()) as BoxStream<'_, _>, Statement::deeds);
    let mut deeds = Walk::new(deeds, |deed: &Deed| deed.order_id);
    let mut claims = Walk::new(shop.rows(CLAIMS), |claim: &Claim| claim.order_id);
    loop {
        let order = match (claims.at().await?, deeds.at().await?) {
            (Some(claimed), Some(done)) => claimed.min(done),
            (Some(order), None) | (None, Some(order)) => order,
            (None, None) => return Ok(()),
        };
        let (claims, deeds) = (claims.step(order).await?, deeds.step(order).await?);
        visit(&Case { order, refunds: Refund::of(&claims)?, claims, deeds, marks });
    }
}

/// Everything about one order, from both sides.
pub(crate) struct Case {
    pub(crate) order: i64,
    /// Empty when the shop did not know the order.
    pub(crate) claims: Vec<Claim>,
    /// Of its returns, as the shop has them on record.
    pub(crate) refunds: Vec<Refund>,
    pub(crate) deeds: Vec<Deed>,
    /// How far the books went before the shop was looked at.
    pub(crate) marks: Marks,
}

impl Case {
    pub(crate) fn status(&self) -> Option<&str> {
        self.claims.first().map(|claim| claim.status.as_str())
    }

    pub(crate) fn tracking(&self) -> Option<&str> {
        self.claims.first().map(|claim| claim.tracking.as_str()).filter(|tracking| !tracking.is_empty())
    }

    pub(crate) fn payments(&self) -> impl Iterator<Item = &Claim> {
        self.claims.iter().filter(|claim| !claim.key.is_empty())
    }

    pub(crate) fn done(&self, kind: DeedKind) -> impl Iterator<Item = &Deed> {
        self.deeds.iter().filter(move |deed| deed.kind == kind)
    }

    pub(crate) fn sum(&self, kind: DeedKind) -> i64 {
        self.done(kind).map(|deed| deed.amount).sum()
    }
}

/// Rows in the order of orders, taken one order at a time.
struct Walk<'a, R> {
    rows: BoxStream<'a, sqlx::Result<R>>,
    order_of: fn(&R) -> i64,
    next: Option<R>,
    has_begun: bool,
}

impl<'a, R> Walk<'a, R> {
    fn new(rows: BoxStream<'a, sqlx::Result<R>>, order_of: fn(&R) -> i64) -> Self {
        Self { rows, order_of, next: None, has_begun: false }
    }

    /// The order that comes next.
    async fn at(&mut self) -> sqlx::Result<Option<i64>> {
        if !self.has_begun {
            self.has_begun = true;
            self.next = self.rows.try_next().await?;
        }
        Ok(self.next.as_ref().map(self.order_of))
    }

    /// Its rows, if it is this one.
    async fn step(&mut self, order: i64) -> sqlx::Result<Vec<R>> {
        let mut taken = Vec::new();
        while self.at().await? == Some(order) {
            taken.extend(self.next.take());
            self.next = self.rows.try_next().await?;
        }
        Ok(taken)
    }
}
