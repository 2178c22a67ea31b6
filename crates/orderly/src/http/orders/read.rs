//! `GET /api/orders`, `GET /api/orders/{id}` and `GET /api/orders/{id}/events`.

use axum::{
    Json,
    extract::{Path, State},
};
use orderly_contracts::OrderId;
use orderly_orders::{OrderFilter, OrderView, domain::OrderStatus};
use serde::Deserialize;
use tokio::time::{Duration, Instant, sleep};

use super::{
    answer::{EventBody, OrderBody},
    find,
};
use crate::http::{
    Shop,
    caller::Caller,
    limits::WAIT_MAX_S,
    page::{Asked, Page, refused, rows},
    problem::Problem,
};

/// How often a client that waits for an order's end has its order looked at.
const EVENTS_POLL: Duration = Duration::from_millis(100);

#[derive(Deserialize)]
pub(in crate::http) struct Which {
    before: Option<i64>,
    limit: Option<u32>,
    status: Option<String>,
}

pub(in crate::http) async fn list(
    State(shop): State<Shop>,
    caller: Caller,
    Asked(which): Asked<Which>,
) -> Result<Json<Page<OrderBody>>, Problem> {
    let rows = rows(which.limit)?;
    let status = which.status.as_deref().map(status).transpose()?;
    let filter = OrderFilter { customer: caller.only_of(), status, before: which.before.map(OrderId), limit: rows + 1 };
    let orders = shop.infrastructure.orders.orders(&caller.0.tenant, &filter).await?;
    let status = status.map_or_else(String::new, |status| format!("&status={status}"));
    let next = |last: &OrderView| format!("/api/orders?before={}&limit={rows}{status}", last.id);
    Ok(Json(Page::of(orders, rows, next, OrderBody::from)))
}

fn status(text: &str) -> Result<OrderStatus, Problem> {
    text.parse().map_err(|_| {
        let all = OrderStatus::ALL.map(OrderStatus::as_str).join(", ");
        refused("status", format!("A status is one of {all}."))
    })
}

pub(in crate::http) async fn one(
    State(shop): State<Shop>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<OrderBody>, Problem> {
    Ok(Json(find(&shop, &caller, &id).await?.into()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Patience {
    wait_seconds: Option<u64>,
}

/// The steps so far; with `?waitSeconds=20`, once the order has come to its end or that time is over.
pub(in crate::http) async fn events(
    State(shop): State<Shop>,
    caller: Caller,
    Path(id): Path<String>,
    Asked(Patience { wait_seconds }): Asked<Patience>,
) -> Result<Json<Page<EventBody>>, Problem> {
    let until = Instant::now() + patience(wait_seconds)?;
    let order = find(&shop, &caller, &id).await?;
    // Without a permit the answer comes at once, which a waiting client must expect anyway.
    let permit = shop.waits.try_acquire();
    let steps = loop {
        let steps = shop.infrastructure.orders.history(&caller.0.tenant, order.id).await?;
        let is_over = steps.last().is_some_and(|step| step.status.is_final());
        if is_over || permit.is_err() || Instant::now() >= until {
            break steps;
        }
        tokio::select! {
            () = sleep(EVENTS_POLL) => {}
            () = shop.stop.clone().asked() => break steps,
        }
    };
    Ok(Json(Page::whole(steps.into_iter().map(EventBody::from).collect())))
}

fn patience(seconds: Option<u64>) -> Result<Duration, Problem> {
    match seconds.unwrap_or(0) {
        seconds @ 0..=WAIT_MAX_S => Ok(Duration::from_secs(seconds)),
        seconds => Err(refused("waitSeconds", format!("At most {WAIT_MAX_S} seconds are waited, not {seconds}."))),
    }
}
