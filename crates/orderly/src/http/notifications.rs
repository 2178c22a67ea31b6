//! `GET /api/notifications`: what customers were told, newest first. A customer sees only what was told to it.

use axum::{Json, extract::State};
use orderly_contracts::NotificationId;
use orderly_notifications::NotificationView;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

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
pub(super) struct NotificationBody {
    id: i64,
    /// Null when it is about the shop.
    order_id: Option<i64>,
    r#type: String,
    message: String,
    metadata: Option<Box<RawValue>>,
    created_at: Moment,
}

pub(super) async fn list(
    State(shop): State<Shop>,
    caller: Caller,
    Asked(which): Asked<Which>,
) -> Result<Json<Page<NotificationBody>>, Problem> {
    let rows = rows(which.limit)?;
    let before = which.before.map(NotificationId);
    let notifications = &shop.infrastructure.notifications;
    let told = notifications.notifications(&caller.0.tenant, caller.only_of(), before, rows + 1).await?;
    let next = |last: &NotificationView| format!("/api/notifications?before={}&limit={rows}", last.id);
    Ok(Json(Page::of(told, rows, next, body)))
}

fn body(view: NotificationView) -> NotificationBody {
    NotificationBody {
        id: view.id.0,
        order_id: view.order.map(|order| order.0),
        r#type: view.kind,
        message: view.message,
        metadata: RawValue::from_string(view.metadata).ok(),
        created_at: Moment(view.created_at),
    }
}
