//! What the notifications module asks of the world.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use orderly_contracts::{CustomerId, NotificationId, OrderId, Tenant};
use wharf::{Result, Timestamp, Tx};

use crate::domain::Notification;

/// What the module works with.
#[derive(Clone)]
pub struct Ports {
    /// Where what was told is kept.
    pub outbox: Arc<dyn Outbox>,
}

/// Where what was told is written.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Writes a notification for a customer. `false` when the order was told of this already.
    async fn add(&self, tx: &mut Tx, customer: CustomerId, notification: &Notification) -> Result<bool>;
}

/// Where what was told is read by people.
#[async_trait]
pub trait Notifications: Send + Sync {
    /// Notifications, newest first: one customer's, or everybody's; from before `before`.
    async fn notifications(
        &self,
        tenant: &Tenant,
        customer: Option<CustomerId>,
        before: Option<NotificationId>,
        limit: u32,
    ) -> Result<Vec<NotificationView>>;

    /// How many there are.
    async fn count(&self, tenant: &Tenant) -> Result<u64>;
}

/// A notification, as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationView {
    /// Its number.
    pub id: NotificationId,
    /// The order it is about; `None` when it is about the shop.
    pub order: Option<OrderId>,
    /// What happened.
    pub kind: String,
    /// In words.
    pub message: String,
    /// In facts: a JSON object.
    pub metadata: String,
    /// When it was told.
    pub created_at: Timestamp,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").finish_non_exhaustive()
    }
}
