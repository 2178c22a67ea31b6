//! What the catalog asks of the world.

use async_trait::async_trait;
use orderly_contracts::{Money, ProductId, Tenant};
use wharf::{Result, Tx};

use crate::domain::{Product, Sku};

/// Where products are kept.
#[async_trait]
pub trait Products: Send + Sync {
    /// All products of a tenant, in the order of their numbers, from after `after`.
    async fn products(&self, tenant: &Tenant, after: Option<ProductId>, limit: u32) -> Result<Vec<Product>>;

    /// Writes products that are new by their SKU and leaves the others as they are. Returns the number of each, in the
    /// order given.
    async fn add(&self, tx: &mut Tx, products: &[NewProduct]) -> Result<Vec<ProductId>>;
}

/// A product without its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProduct {
    /// By which it is known.
    pub sku: Sku,
    /// What it is called.
    pub name: String,
    /// What it costs.
    pub price: Money,
}
