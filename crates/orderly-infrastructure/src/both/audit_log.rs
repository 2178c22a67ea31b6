//! What was refused. A trigger writes it.

use async_trait::async_trait;
use orderly_contracts::Tenant;
use sqlx::FromRow;
use wharf::{Result, Timestamp};

use super::Adapters;
use crate::audit_log::{AuditEntry, AuditLog};

#[derive(FromRow)]
struct EntryRow {
    id: i64,
    at: i64,
    actor: String,
    action: String,
    subject: String,
    message: String,
    message_id: String,
    endpoint: String,
    code: String,
    reason: String,
}

const PAGE: &str = "
SELECT id, at, actor, action, subject, message, message_id, endpoint, code, reason FROM audit_log
WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $3";

#[async_trait]
impl AuditLog for Adapters {
    async fn entries(&self, tenant: &Tenant, before: Option<i64>, limit: u32) -> Result<Vec<AuditEntry>> {
        let query = sqlx::query_as(PAGE).bind(tenant.as_str()).bind(before.unwrap_or(i64::MAX)).bind(i64::from(limit));
        let page: Vec<EntryRow> = query.fetch_all(&self.pool).await?;
        Ok(page.into_iter().map(EntryRow::read).collect())
    }
}

impl EntryRow {
    fn read(self) -> AuditEntry {
        let Self { id, at, actor, action, subject, message, message_id, endpoint, code, reason } = self;
        let at = Timestamp::from_micros(at);
        AuditEntry { id, at, actor, action, subject, message, message_id, endpoint, code, reason }
    }
}
