//! What the shipping module asks of the world.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use orderly_contracts::OrderId;
use wharf::{Result, Tenant, Tx};

use super::{Carrier, Settings};
use crate::domain::Shipment;

/// What the module works with.
#[derive(Clone)]
pub struct Ports {
    /// Where shipments are kept.
    pub shipments: Arc<dyn Shipments>,
    /// Who carries the parcels.
    pub carrier: Arc<dyn Carrier>,
    /// What can be configured.
    pub settings: Settings,
}

/// Where shipments are written.
#[async_trait]
pub trait Shipments: Send + Sync {
    /// An order's shipment, as last committed.
    async fn look_up(&self, tenant: &Tenant, order: OrderId) -> Result<Option<Shipment>>;

    /// An order's shipment, kept from others until the end of the transaction.
    async fn find(&self, tx: &mut Tx, order: OrderId) -> Result<Option<Shipment>>;

    /// Writes a shipment, new or changed.
    async fn save(&self, tx: &mut Tx, shipment: &Shipment) -> Result;
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").finish_non_exhaustive()
    }
}
