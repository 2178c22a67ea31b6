//! How a tenant's orders stand as a whole: what an import, a demonstration or a dashboard asks.

use std::time::Duration;

use async_trait::async_trait;
use orderly_contracts::OrderId;
use wharf::{Result, Tenant, Timestamp};

use crate::domain::{CancelReason, OrderStatus};

/// How a tenant's orders stand as a whole. Every answer is of what is committed.
#[async_trait]
pub trait Overview: Send + Sync {
    /// Orders on their way: neither at their end nor in need of attention. Cheap while they are few; asked many times a
    /// second.
    async fn under_way(&self, tenant: &Tenant) -> Result<u64>;

    /// All orders, by how they stand.
    async fn totals(&self, tenant: &Tenant) -> Result<Totals>;

    /// How fast orders went that were placed at `since` or later.
    async fn pace(&self, tenant: &Tenant, since: Timestamp) -> Result<Pace>;

    /// The orders placed under these references; a reference without an order is absent.
    async fn placed_under(&self, tenant: &Tenant, references: &[&str]) -> Result<Vec<(String, OrderId)>>;

    /// The askers' references of all cancellations that took effect: their orders are cancelled, and for that reason.
    async fn effective_cancellations(&self, tenant: &Tenant) -> Result<Vec<String>>;

    /// Of the orders placed under these references those that have come to their end, and to which.
    async fn ended_under(&self, tenant: &Tenant, references: &[&str]) -> Result<Vec<(String, OrderId, OrderStatus)>>;

    /// The callers' references of all returns.
    async fn returns(&self, tenant: &Tenant) -> Result<Vec<String>>;

    /// Orders that do not get on, of every tenant, those first that have stood longest; at most `limit`. One before payment
    /// is overdue after `patience` without an update, and so is one whose timer should have fired `grace` ago.
    async fn stalled(&self, patience: Duration, grace: Duration, limit: u32) -> Result<Vec<Stalled>>;
}

/// An order that does not get on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stalled {
    /// Whose it is.
    pub tenant: Tenant,
    /// Which.
    pub order: OrderId,
    /// Why.
    pub why: Stall,
    /// Since when.
    pub since: Timestamp,
}

/// Why an order does not get on; of several reasons the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stall {
    /// A person has to see to it, and was called.
    NeedsAttention,
    /// A message about it was given up.
    GivenUp,
    /// What should have happened to it has not, and nobody was called.
    Overdue,
}

impl Stall {
    pub const ALL: [Self; 3] = [Self::NeedsAttention, Self::GivenUp, Self::Overdue];

    /// As it is told.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NeedsAttention => "needs-attention",
            Self::GivenUp => "given-up",
            Self::Overdue => "overdue",
        }
    }
}

/// All orders of a tenant, each in one place: `orders = under_way + delivered + cancelled + expired + needs_attention`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Placed at any time.
    pub orders: u64,
    /// As [`Overview::under_way`].
    pub under_way: u64,
    /// With their customers.
    pub delivered: u64,
    /// Cancelled, by reason; a reason without an order is absent.
    pub cancelled: Vec<(CancelReason, u64)>,
    /// Out of time.
    pub expired: u64,
    /// Whose fulfilment only a person can go on with, wherever the order itself stands.
    pub needs_attention: u64,
}

/// How fast orders came to their end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    /// Orders that came to their end at `since` or later, whenever they were placed.
    pub ended: u64,
    /// From placement to end, of those placed at `since` or later that have ended: half took no longer. Zero if none.
    pub median: Duration,
    /// Of the same, 99 in 100 took no longer.
    pub percentile_99: Duration,
}
