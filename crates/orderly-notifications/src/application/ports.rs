//! What the notifications module asks of the world.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use orderly_contracts::{CustomerId, NotificationId, OrderId, Tenant, identity::Customers};
use wharf::{Result, Timestamp, Tx};

use super::Mailer;
use crate::domain::{Notification, NotificationType};

/// What the module works with.
#[derive(Clone)]
pub struct Ports {
    /// Where what was told is kept.
    pub outbox: Arc<dyn Outbox>,
    /// Who mails it. Without one it is not mailed, and a line in the log stands for the mail.
    pub mailer: Option<Arc<dyn Mailer>>,
    /// Where customers' addresses are found.
    pub customers: Arc<dyn Customers>,
}

/// Where what was told is written.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Writes a notification for a customer. `false` when the order was told of this already.
    async fn add(&self, tx: &mut Tx, customer: CustomerId, notification: &Notification) -> Result<bool>;

    /// What stands there of this and was not mailed yet.
    async fn unsent(&self, tenant: &Tenant, order: OrderId, kind: NotificationType) -> Result<Option<Unsent>>;

    /// Notes that it was mailed.
    async fn is_sent(&self, tx: &mut Tx, order: OrderId, kind: NotificationType) -> Result;
}

/// A notification that was not mailed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    /// Whom it is for.
    pub customer: CustomerId,
    /// In words.
    pub message: String,
    /// When it was written down.
    pub told_at: Timestamp,
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
