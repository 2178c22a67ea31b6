//! The one place that decides whether a message may be about what it is about: its tenant must have that order.
//!
//! Whoever can write to a queue can write a message under any tenant. Providers know orders by their numbers alone, so a
//! module that believed it would call back another's parcel, or give back another's money.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use orderly_contracts::{OrderId, Tenant};
use wharf::{Envelope, Failure, Guard, Key, Result};

/// So many orders are remembered, and then all are forgotten; each is asked after once more.
const KNOWN_MAX: usize = 50_000;

/// Whose an order is.
#[async_trait]
pub(crate) trait Owners: Send + Sync {
    async fn has_order(&self, tenant: &Tenant, order: OrderId) -> Result<bool>;
}

/// Admits what is about an order of its tenant, and what is about no order.
pub(crate) struct TenantGuard {
    owners: Arc<dyn Owners>,
    /// Orders that were found: none is ever deleted, or changes hands.
    known: Mutex<HashSet<(Tenant, OrderId)>>,
}

impl TenantGuard {
    pub(crate) fn new(owners: Arc<dyn Owners>) -> Self {
        Self { owners, known: Mutex::default() }
    }

    async fn knows(&self, tenant: &Tenant, order: OrderId) -> Result<bool> {
        let asked = (tenant.clone(), order);
        if self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(&asked) {
            return Ok(true);
        }
        if !self.owners.has_order(tenant, order).await? {
            return Ok(false);
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() == KNOWN_MAX {
            known.clear();
        }
        known.insert(asked);
        Ok(true)
    }
}

#[async_trait]
impl Guard for TenantGuard {
    async fn admit(&self, envelope: &Envelope, key: &Key) -> Result {
        let Some(number) = key.as_str().strip_prefix("order:") else { return Ok(()) };
        let tenant = &envelope.tenant;
        match number.parse() {
            Ok(order) if self.knows(tenant, order).await? => Ok(()),
            _ => Err(Failure::refused(format!("tenant `{}` has no order {number}", tenant.as_str()))),
        }
    }
}
