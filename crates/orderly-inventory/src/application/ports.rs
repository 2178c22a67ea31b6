//! What the inventory module asks of the world.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use orderly_contracts::{OrderId, ProductId, ReturnNumber};
use wharf::{Result, Tenant, Timestamp, Tx};

use crate::domain::{Held, Movement, MovementKind, ReservationState, Stock, TakenBack};

/// What the module works with.
#[derive(Clone)]
pub struct Ports {
    /// Where stock and reservations are kept.
    pub stockroom: Arc<dyn Stockroom>,
    /// Where people look after it.
    pub warehouse: Arc<dyn Warehouse>,
    /// What can be configured.
    pub settings: Settings,
}

/// What can be configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How often what is low is brought to mind.
    pub monitoring_period: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { monitoring_period: Duration::from_secs(300) }
    }
}

/// Where stock and reservations are written.
#[async_trait]
pub trait Stockroom: Send + Sync {
    /// The state of an order's reservation, kept from others until the end of the transaction.
    async fn reservation(&self, tx: &mut Tx, order: OrderId) -> Result<Option<ReservationState>>;

    /// The stock of each of `products` that is known, taken and kept from others in product order, so that two orders
    /// that want the same products never wait for each other in a circle.
    async fn stock(&self, tx: &mut Tx, products: &[ProductId]) -> Result<BTreeMap<ProductId, Stock>>;

    /// Writes a reservation and takes what it holds out of what is available.
    async fn hold(&self, tx: &mut Tx, order: OrderId, held: &[Held]) -> Result;

    /// Puts what an order holds back into what is available.
    async fn give_back(&self, tx: &mut Tx, order: OrderId) -> Result;

    /// Writes a released reservation that never held anything, for the request that comes late.
    async fn leave_tombstone(&self, tx: &mut Tx, order: OrderId) -> Result;

    /// Takes what an order holds off the shelf.
    async fn take_out(&self, tx: &mut Tx, order: OrderId) -> Result;

    /// Notes what came back with one of an order's returns; what is restocked goes on the shelf, with a movement. What was
    /// noted before moves nothing again. The stock was taken with [`Stockroom::stock`] before, in this transaction.
    async fn take_back(&self, tx: &mut Tx, order: OrderId, number: ReturnNumber, back: &[TakenBack]) -> Result;
}

/// Where stock is read by people, and where they say what is on the shelf.
#[async_trait]
pub trait Warehouse: Send + Sync {
    /// All stock of a tenant, in product order, from after `after`.
    async fn levels(&self, tenant: &Tenant, after: Option<ProductId>, limit: u32) -> Result<Vec<StockView>>;

    /// The same, of stock that is low only.
    async fn low(&self, tenant: &Tenant, after: Option<ProductId>, limit: u32) -> Result<Vec<StockView>>;

    /// Of how many products the stock is low.
    async fn count_low(&self, tenant: &Tenant) -> Result<u64>;

    /// The stock of one product, if any is kept.
    async fn level(&self, tenant: &Tenant, product: ProductId) -> Result<Option<StockView>>;

    /// What moved of one product, newest first, from before the movement numbered `before`.
    async fn movements(
        &self,
        tenant: &Tenant,
        product: ProductId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<MovementView>>;

    /// Puts opening stock on the shelf for products that have none yet; others are left as they are.
    async fn open(&self, tx: &mut Tx, opening: &[(ProductId, i64)]) -> Result;

    /// Writes what is available of a product and its reorder level, with the movement that changed what is on hand. The
    /// stock was taken with [`Stockroom::stock`] before, in this transaction.
    async fn put(&self, tx: &mut Tx, product: ProductId, stock: Stock, movement: Option<&Movement>) -> Result;

    /// How many units of a product were received under a reference.
    async fn receipt(&self, tx: &mut Tx, product: ProductId, reference: &str) -> Result<Option<i64>>;
}

/// One movement, as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovementView {
    /// Later ones have higher numbers, with gaps.
    pub number: i64,
    /// What made units come or go.
    pub kind: MovementKind,
    /// What came; below zero, what went.
    pub units: i64,
    /// With whose parcel they went, or from whom they came back.
    pub order: Option<OrderId>,
    /// What staff call it.
    pub reference: Option<String>,
    /// When.
    pub moved_at: Timestamp,
}

/// The stock of one product, as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockView {
    /// Of what.
    pub product: ProductId,
    /// How much.
    pub stock: Stock,
    /// When it last moved.
    pub updated_at: Timestamp,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").finish_non_exhaustive()
    }
}
