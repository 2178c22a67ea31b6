//! What the catalog answers.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::{Money, ProductId, Tenant};

/// What is for sale.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// Each of `ids` that this tenant's catalog knows; others are absent.
    async fn products(&self, tenant: &Tenant, ids: &[ProductId]) -> wharf::Result<BTreeMap<ProductId, ProductView>>;
}

/// A product as other modules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductView {
    pub id: ProductId,
    /// Trimmed and in upper case.
    pub sku: String,
    pub name: String,
    pub price: Money,
}
