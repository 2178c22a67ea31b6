//! What a tenant's payments came to as a whole: what a demonstration or a dashboard asks.

use async_trait::async_trait;
use orderly_contracts::Tenant;
use wharf::Result;

/// Where the payments of a tenant are counted. Every answer is of what is committed.
#[async_trait]
pub trait Payments: Send + Sync {
    /// All payments, by what became of them.
    async fn totals(&self, tenant: &Tenant) -> Result<PaymentTotals>;
}

/// How often money moved, or was kept from moving.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PaymentTotals {
    /// What was taken, given back since or not.
    pub captures: u64,
    /// What was given back.
    pub refunds: u64,
    /// Payments that were called off before anything was taken.
    pub voids: u64,
}
