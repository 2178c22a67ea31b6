//! What customers were told.

use async_trait::async_trait;
use orderly_contracts::{CustomerId, NotificationId, OrderId, Tenant};
use orderly_notifications::{
    NotificationView, Notifications, Outbox, Unsent,
    domain::{Notification, NotificationType},
};
use sqlx::FromRow;
use wharf::{Result, Timestamp, Tx};

use super::{Adapters, connection};
use crate::metadata::metadata;

#[derive(FromRow)]
struct NotificationRow {
    id: i64,
    order_id: Option<i64>,
    r#type: String,
    message: String,
    metadata: String,
    created_at: i64,
}

const ADD: &str = sql!("
INSERT INTO notifications (tenant, order_id, customer_id, type, message, metadata, created_at)
VALUES ($2, $3, $4, $5, $6, $7, " now ")
ON CONFLICT (tenant, order_id, type) DO NOTHING");

const UNSENT: &str = "
SELECT customer_id, message, created_at FROM notifications
WHERE tenant = $1 AND order_id = $2 AND type = $3 AND sent_at IS NULL";

const IS_SENT: &str = sql!("
UPDATE notifications SET sent_at = " now " WHERE tenant = $2 AND order_id = $3 AND type = $4 AND sent_at IS NULL");

const PAGE: &str = "
SELECT id, order_id, type, message, metadata, created_at FROM notifications WHERE tenant = $1 AND id < $2
ORDER BY id DESC LIMIT $3";

/// A text of its own, so that it walks the customer's index and not all notifications.
const PAGE_OF_CUSTOMER: &str = "
SELECT id, order_id, type, message, metadata, created_at FROM notifications
WHERE tenant = $1 AND id < $2 AND customer_id = $4
ORDER BY id DESC LIMIT $3";

const COUNT: &str = "SELECT count(*) FROM notifications WHERE tenant = $1";

#[async_trait]
impl Outbox for Adapters {
    async fn add(&self, tx: &mut Tx, customer: CustomerId, notification: &Notification) -> Result<bool> {
        let tenant = tx.tenant();
        let query = sqlx::query(ADD)
            .bind(self.now())
            .bind(tenant.as_str())
            .bind(notification.order().0)
            .bind(customer.0)
            .bind(notification.kind().as_str())
            .bind(notification.message())
            .bind(metadata(notification.metadata())?);
        Ok(query.execute(connection(tx).await?).await?.rows_affected() == 1)
    }

    async fn unsent(&self, tenant: &Tenant, order: OrderId, kind: NotificationType) -> Result<Option<Unsent>> {
        let query = sqlx::query_as(UNSENT).bind(tenant.as_str()).bind(order.0).bind(kind.as_str());
        let found: Option<(i64, String, i64)> = query.fetch_optional(&self.pool).await?;
        Ok(found.map(|(customer, message, told_at)| Unsent {
            customer: CustomerId(customer),
            message,
            told_at: Timestamp::from_micros(told_at),
        }))
    }

    async fn is_sent(&self, tx: &mut Tx, order: OrderId, kind: NotificationType) -> Result {
        let tenant = tx.tenant();
        let query = sqlx::query(IS_SENT).bind(self.now()).bind(tenant.as_str()).bind(order.0).bind(kind.as_str());
        query.execute(connection(tx).await?).await?;
        Ok(())
    }
}

#[async_trait]
impl Notifications for Adapters {
    async fn notifications(
        &self,
        tenant: &Tenant,
        customer: Option<CustomerId>,
        before: Option<NotificationId>,
        limit: u32,
    ) -> Result<Vec<NotificationView>> {
        let query = sqlx::query_as(if customer.is_some() { PAGE_OF_CUSTOMER } else { PAGE })
            .bind(tenant.as_str())
            .bind(before.map_or(i64::MAX, |before| before.0))
            .bind(i64::from(limit))
            .bind(customer.map(|customer| customer.0));
        let page: Vec<NotificationRow> = query.fetch_all(&self.pool).await?;
        Ok(page.into_iter().map(NotificationRow::read).collect())
    }

    async fn count(&self, tenant: &Tenant) -> Result<u64> {
        let told: i64 = sqlx::query_scalar(COUNT).bind(tenant.as_str()).fetch_one(&self.pool).await?;
        Ok(told.try_into()?)
    }
}

impl NotificationRow {
    fn read(self) -> NotificationView {
        NotificationView {
            id: NotificationId(self.id),
            order: self.order_id.map(OrderId),
            kind: self.r#type,
            message: self.message,
            metadata: self.metadata,
            created_at: Timestamp::from_micros(self.created_at),
        }
    }
}
