//! What was refused, for staff to read. The database writes it, in the commit of the refusal.

use async_trait::async_trait;
use orderly_contracts::Tenant;
use wharf::{Result, Timestamp};

/// Where staff read what was refused.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// A tenant's entries, newest first; those numbered below `before`.
    async fn entries(&self, tenant: &Tenant, before: Option<i64>, limit: u32) -> Result<Vec<AuditEntry>>;
}

/// One thing that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// On whose behalf, or else who sent it.
    pub actor: String,
    /// What became of it, such as `message-refused`.
    pub action: String,
    /// What it claims to be about, such as `order:7`.
    pub subject: String,
    /// The message's name.
    pub message: String,
    /// Its id.
    pub message_id: String,
    /// Where it came.
    pub endpoint: String,
    /// wharf's code of the reason.
    pub code: String,
    /// Why.
    pub reason: String,
}
