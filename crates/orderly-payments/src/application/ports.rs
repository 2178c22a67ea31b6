//! What the payments module asks of the world.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use orderly_contracts::OrderId;
use wharf::{Result, Tenant, Tx};

use super::PaymentGateway;
use crate::domain::{AttemptState, Intent};

/// What the module works with.
#[derive(Clone)]
pub struct Ports {
    /// Where intents and attempts are kept.
    pub ledger: Arc<dyn Ledger>,
    /// Who takes the money.
    pub gateway: Arc<dyn PaymentGateway>,
}

/// Where intents and attempts are written.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// An order's intent, as last committed.
    async fn look_up(&self, tenant: &Tenant, order: OrderId) -> Result<Option<Intent>>;

    /// An order's intent, kept from others until the end of the transaction.
    async fn find(&self, tx: &mut Tx, order: OrderId) -> Result<Option<Intent>>;

    /// Writes an intent, new or changed.
    async fn save(&self, tx: &mut Tx, intent: &Intent) -> Result;

    /// Writes what is known of one call to the provider; a later word on the same attempt replaces the earlier.
    async fn note_attempt(&self, tx: &mut Tx, order: OrderId, number: u32, state: AttemptState) -> Result;
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").finish_non_exhaustive()
    }
}
