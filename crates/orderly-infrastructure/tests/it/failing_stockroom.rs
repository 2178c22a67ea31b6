//! A stockroom in which some reservations cannot be read, until it is mended.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
};

use async_trait::async_trait;
use orderly_contracts::{OrderId, ProductId, ReturnNumber};
use orderly_inventory::{
    Stockroom,
    domain::{Held, ReservationState, Stock, TakenBack},
};
use wharf::{Failure, Result, Tx};

pub(crate) struct FailingStockroom {
    inner: Arc<dyn Stockroom>,
    fails: fn(OrderId) -> bool,
    is_mended: AtomicBool,
    lost: AtomicU32,
}

impl FailingStockroom {
    /// In which the reservations of these orders cannot be read.
    pub(crate) fn new(inner: Arc<dyn Stockroom>, fails: fn(OrderId) -> bool) -> Self {
        Self { inner, fails, is_mended: AtomicBool::default(), lost: AtomicU32::default() }
    }

    /// Calls that failed.
    pub(crate) fn lost(&self) -> u32 {
        self.lost.load(Relaxed)
    }

    pub(crate) fn mend(&self) {
        self.is_mended.store(true, Relaxed);
    }
}

#[async_trait]
impl Stockroom for FailingStockroom {
    async fn reservation(&self, tx: &mut Tx, order: OrderId) -> Result<Option<ReservationState>> {
        if (self.fails)(order) && !self.is_mended.load(Relaxed) {
            self.lost.fetch_add(1, Relaxed);
            return Err(Failure::retry("the reservation cannot be read"));
        }
        self.inner.reservation(tx, order).await
    }

    async fn stock(&self, tx: &mut Tx, products: &[ProductId]) -> Result<BTreeMap<ProductId, Stock>> {
        self.inner.stock(tx, products).await
    }

    async fn hold(&self, tx: &mut Tx, order: OrderId, held: &[Held]) -> Result {
        self.inner.hold(tx, order, held).await
    }

    async fn give_back(&self, tx: &mut Tx, order: OrderId) -> Result {
        self.inner.give_back(tx, order).await
    }

    async fn leave_tombstone(&self, tx: &mut Tx, order: OrderId) -> Result {
        self.inner.leave_tombstone(tx, order).await
    }

    async fn take_out(&self, tx: &mut Tx, order: OrderId) -> Result {
        self.inner.take_out(tx, order).await
    }

    async fn take_back(&self, tx: &mut Tx, order: OrderId, number: ReturnNumber, back: &[TakenBack]) -> Result {
        self.inner.take_back(tx, order, number, back).await
    }
}
