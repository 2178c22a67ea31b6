//! What the orders module asks of the world.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use orderly_contracts::{CustomerId, Money, OrderId, ReturnNumber, catalog::Catalog, orders::PlacedOrder};
use wharf::{Result, Timestamp, Tx};

use super::{Deadlines, OrderChange, StoredReturn};
use crate::domain::{CancelReason, ItemReturn, NewOrder, OrderLimits, OrderStatus, SoldLine};

/// What the module works with.
#[derive(Clone)]
pub struct Ports {
    /// Where orders are kept.
    pub book: Arc<dyn Book>,
    /// Where returns are kept.
    pub returns: Arc<dyn Returns>,
    /// What is for sale.
    pub catalog: Arc<dyn Catalog>,
    /// What can be configured.
    pub settings: Settings,
}

/// What can be configured about orders.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bounds of one order.
    pub limits: OrderLimits,
    /// Whether a client's prices are believed, as replaying an old file needs.
    pub trust_client_prices: bool,
    /// How long fulfilment waits for what.
    pub deadlines: Deadlines,
    /// An order before payment without an update for this long expires.
    pub stale_after: Duration,
    /// How often stale orders are looked for.
    pub expiry_sweep_period: Duration,
    /// What one sweep expires at most.
    pub expiry_batch_max_orders: u32,
    /// After its start a worker leaves that alone for so long.
    pub expiry_start_delay: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: OrderLimits::default(),
            trust_client_prices: false,
            deadlines: Deadlines::default(),
            stale_after: Duration::from_secs(600),
            expiry_sweep_period: Duration::from_secs(60),
            expiry_batch_max_orders: 1_000,
            expiry_start_delay: Duration::from_secs(5),
        }
    }
}

/// Where orders are written.
#[async_trait]
pub trait Book: Send + Sync {
    /// Writes a Pending order with its lines and the first step of its history. One reference makes one order per
    /// tenant: the earlier one is returned, and `false`, when there is one already.
    async fn place(&self, tx: &mut Tx, order: &NewOrder, reference: Option<&str>) -> Result<(StoredOrder, bool)>;

    /// An order with its lines, kept from others until the end of the transaction.
    async fn find(&self, tx: &mut Tx, order: OrderId) -> Result<Option<StoredOrder>>;

    /// Moves an order and writes the step into its history.
    ///
    /// # Errors
    /// Permanently, when the order is not where `change` must find it.
    async fn apply(&self, tx: &mut Tx, order: OrderId, change: &OrderChange) -> Result;

    /// Notes that a cancellation was asked for, under the asker's own reference.
    async fn note_cancellation(&self, tx: &mut Tx, order: OrderId, reference: Option<&str>) -> Result;

    /// Up to `limit` orders that were validated and not yet paid and have not been updated for `age`, longest first. One
    /// that still waits to be validated has no saga that could expire it.
    async fn stale(&self, tx: &mut Tx, age: Duration, limit: u32) -> Result<Vec<OrderId>>;

    /// How many such orders there are.
    async fn count_stale(&self, tx: &mut Tx, age: Duration) -> Result<u64>;
}

/// Where returns are written. Whoever writes one has taken its order with [`Book::find`] before, in this transaction.
#[async_trait]
pub trait Returns: Send + Sync {
    /// The lines of an order, in their places, with what came back of each.
    async fn sold(&self, tx: &mut Tx, order: OrderId) -> Result<Vec<SoldLine>>;

    /// The return that was made under a reference.
    async fn find(&self, tx: &mut Tx, order: OrderId, reference: &str) -> Result<Option<StoredReturn>>;

    /// Writes a return; gives it the next number of its order.
    async fn add(&self, tx: &mut Tx, order: OrderId, reference: &str, items: &ItemReturn) -> Result<ReturnNumber>;
}

/// An order as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOrder {
    /// What never changes. A product that stands in several lines, at several prices, is summed here.
    pub placed: PlacedOrder,
    /// Where it stands.
    pub status: OrderStatus,
}

/// Where orders are read by people. Every answer is about one tenant.
#[async_trait]
pub trait Orders: Send + Sync {
    /// One order.
    async fn order(&self, tenant: &wharf::Tenant, order: OrderId) -> Result<Option<OrderView>>;

    /// Orders, newest first.
    async fn orders(&self, tenant: &wharf::Tenant, filter: &OrderFilter) -> Result<Vec<OrderView>>;

    /// The steps of one order, first to last.
    async fn history(&self, tenant: &wharf::Tenant, order: OrderId) -> Result<Vec<OrderStep>>;
}

/// Which orders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Only this customer's.
    pub customer: Option<CustomerId>,
    /// Only in this status.
    pub status: Option<OrderStatus>,
    /// Only those placed before this one: where the page before ended.
    pub before: Option<OrderId>,
    /// At most so many.
    pub limit: u32,
}

/// An order as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderView {
    /// Its number.
    pub id: OrderId,
    /// Who buys.
    pub customer: CustomerId,
    /// What the client calls it.
    pub reference: Option<String>,
    /// Where it stands.
    pub status: OrderStatus,
    /// Why it was cancelled.
    pub cancel_reason: Option<CancelReason>,
    /// Why a person has to see to it, while one has to.
    pub attention: Option<Attention>,
    /// What it costs.
    pub total: Money,
    /// What was bought, and what of it came back.
    pub lines: Vec<SoldLine>,
    /// When it was placed.
    pub created_at: Timestamp,
    /// When it last moved.
    pub updated_at: Timestamp,
}

/// What a person has to see to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attention {
    /// Why, in one sentence.
    pub reason: String,
    /// Since when; unknown of what was called before that was noted.
    pub since: Option<Timestamp>,
}

/// One step of an order's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderStep {
    /// Where it went.
    pub status: OrderStatus,
    /// What there is to say about it, in one sentence.
    pub detail: String,
    /// When.
    pub at: Timestamp,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ports").field("settings", &self.settings).finish_non_exhaustive()
    }
}
