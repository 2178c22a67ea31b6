//! What the payments module asks of the world.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use orderly_contracts::{CaptureId, OrderId};
use wharf::{Result, Tenant, Tx};

use super::{Capture, PaymentGateway, Settings};
use crate::domain::{AttemptState, Intent, Refund, RefundKey};

/// What the module works with.
#[derive(Clone)]
pub struct Ports {
    /// Where intents and attempts are kept.
    pub ledger: Arc<dyn Ledger>,
    /// Where refunds of returns are kept.
    pub refunds: Arc<dyn Refunds>,
    /// Who takes the money.
    pub gateway: Arc<dyn PaymentGateway>,
    /// What can be configured.
    pub settings: Settings,
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

    /// Puts a capture on record that is not the intent's own and is to be given back. `false` when it was before.
    async fn book_stray(&self, tx: &mut Tx, order: OrderId, capture: &Capture) -> Result<bool>;

    /// It was given back.
    async fn stray_is_refunded(&self, tx: &mut Tx, order: OrderId, capture: &CaptureId) -> Result;

    /// Puts on record how the provider contradicts itself; the first contradiction of each payment stays. `false` when
    /// there was one before.
    async fn note_dispute(&self, tx: &mut Tx, order: OrderId, reason: &str) -> Result<bool>;
}

/// Where refunds of returns are written. Whoever requests one has taken its intent with [`Ledger::find`] before, in this
/// transaction.
#[async_trait]
pub trait Refunds: Send + Sync {
    /// A refund, as last committed.
    async fn look_up(&self, tenant: &Tenant, key: RefundKey) -> Result<Option<Refund>>;

    /// All of an order, by number.
    async fn of_order(&self, tx: &mut Tx, order: OrderId) -> Result<Vec<Refund>>;

    /// Writes a new one.
    async fn add(&self, tx: &mut Tx, refund: &Refund) -> Result;

    /// The provider has given it back. Saying it again changes nothing.
    async fn is_made(&self, tx: &mut Tx, key: RefundKey) -> Result;

    /// Writes what is known of one call to the provider; a later word on the same attempt replaces the earlier.
    async fn note_attempt(&self, tx: &mut Tx, key: RefundKey, number: u32, state: AttemptState) -> Result;
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").finish_non_exhaustive()
    }
}
