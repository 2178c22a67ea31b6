//! The stockroom behind a breaker: while its tables do not answer, what wants stock waits and costs no attempt.

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use orderly_contracts::{OrderId, ProductId, ReturnNumber};
use orderly_inventory::{
    Stockroom,
    domain::{Held, ReservationState, Stock, TakenBack},
};
use wharf::{Clock, Result, Tx, Verdict, snooze};

use super::Breaker;

/// A stockroom whose failures are noticed.
pub struct GuardedStockroom {
    inner: Arc<dyn Stockroom>,
    breaker: Breaker,
}

impl GuardedStockroom {
    /// The same stockroom, behind a breaker that goes by this clock.
    pub fn new(inner: Arc<dyn Stockroom>, clock: Arc<dyn Clock>) -> Self {
        Self { inner, breaker: Breaker::new("the stockroom", clock) }
    }

    /// What is wrong with one delivery for good says nothing about the stockroom; and an outage is no delivery's fault, so
    /// whoever finds out that it goes on comes back later, too.
    fn noted<T>(&self, answer: Result<T>) -> Result<T> {
        let failed = answer.as_ref().is_err_and(|failure| failure.verdict() == Verdict::Retry);
        self.breaker.note(!failed);
        match self.breaker.wait() {
            Some(wait) if failed => Err(snooze(wait)),
            Some(_) | None => answer,
        }
    }
}

#[async_trait]
impl Stockroom for GuardedStockroom {
    /// What the fulfilment of an order wants begins here, so this is where who comes is put off.
    async fn reservation(&self, tx: &mut Tx, order: OrderId) -> Result<Option<ReservationState>> {
        match self.breaker.wait() {
            Some(wait) => Err(snooze(wait)),
            None => self.noted(self.inner.reservation(tx, order).await),
        }
    }

    async fn stock(&self, tx: &mut Tx, products: &[ProductId]) -> Result<BTreeMap<ProductId, Stock>> {
        self.noted(self.inner.stock(tx, products).await)
    }

    async fn hold(&self, tx: &mut Tx, order: OrderId, held: &[Held]) -> Result {
        self.noted(self.inner.hold(tx, order, held).await)
    }

    async fn give_back(&self, tx: &mut Tx, order: OrderId) -> Result {
        self.noted(self.inner.give_back(tx, order).await)
    }

    async fn leave_tombstone(&self, tx: &mut Tx, order: OrderId) -> Result {
        self.noted(self.inner.leave_tombstone(tx, order).await)
    }

    async fn take_out(&self, tx: &mut Tx, order: OrderId) -> Result {
        self.noted(self.inner.take_out(tx, order).await)
    }

    async fn take_back(&self, tx: &mut Tx, order: OrderId, number: ReturnNumber, back: &[TakenBack]) -> Result {
        self.noted(self.inner.take_back(tx, order, number, back).await)
    }
}

impl fmt::Debug for GuardedStockroom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedStockroom").field("breaker", &self.breaker).finish_non_exhaustive()
    }
}
