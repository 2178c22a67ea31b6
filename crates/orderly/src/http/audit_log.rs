//! `GET /api/audit`: what was refused, newest first, for admins.

use axum::{Json, extract::State};
use orderly_infrastructure::AuditEntry;
use serde::{Deserialize, Serialize};

use super::{
    Shop,
    caller::Caller,
    moment::Moment,
    page::{Asked, Page, rows},
    problem::Problem,
};

#[derive(Deserialize)]
pub(super) struct Which {
    before: Option<i64>,
    limit: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EntryBody {
    id: i64,
    at: Moment,
    /// On whose behalf, or else who sent it.
    actor: String,
    /// What became of it, such as message-refused.
    action: String,
    /// What it claims to be about, such as order:7.
    subject: String,
    /// The message's name.
    message: String,
    message_id: String,
    endpoint: String,
    code: String,
    reason: String,
}

pub(super) async fn list(
    State(shop): State<Shop>,
    caller: Caller,
    Asked(which): Asked<Which>,
) -> Result<Json<Page<EntryBody>>, Problem> {
    caller.require_admin()?;
    let rows = rows(which.limit)?;
    let entries = shop.infrastructure.audit_log.entries(&caller.0.tenant, which.before, rows + 1).await?;
    let next = |last: &AuditEntry| format!("/api/audit?before={}&limit={rows}", last.id);
    Ok(Json(Page::of(entries, rows, next, body)))
}

fn body(entry: AuditEntry) -> EntryBody {
    let AuditEntry { id, at, actor, action, subject, message, message_id, endpoint, code, reason } = entry;
    EntryBody { id, at: Moment(at), actor, action, subject, message, message_id, endpoint, code, reason }
}
