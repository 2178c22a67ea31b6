//! `/health`: live when the runtime turns; ready when the database answers and every endpoint looks for work; degraded
//! when that holds, but something stumbled lately.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use wharf::{Timestamp, Vital};

use super::{Shop, limits::PING_DURATION_MAX_S, moment::Moment};

/// How much later than it should an endpoint may look for work: one that is busy looks when it has room again.
const LOOK_LATE_MAX: Duration = Duration::from_secs(30);
/// How long a stumble counts.
const STUMBLE_AGE_MAX: Duration = Duration::from_secs(60);

/// How the service is, worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Healthy,
    /// It works, but something stumbled lately.
    Degraded,
    Unhealthy,
}

#[derive(Serialize)]
struct Health {
    status: Status,
    /// Why it is not healthy.
    reasons: Vec<String>,
    checks: BTreeMap<String, Check>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    looked_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stumbled_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settled: Option<u64>,
}

/// The runtime turns, or this would not be answered.
pub(super) async fn live() -> Response {
    Json(serde_json::json!({ "status": Status::Healthy })).into_response()
}

/// Whether requests should be sent here: reasons only.
pub(super) async fn ready(State(shop): State<Shop>) -> Response {
    let Health { status, reasons, .. } = examine(&shop).await;
    (http_status(status), Json(serde_json::json!({ "status": status, "reasons": reasons }))).into_response()
}

/// Everything that is known.
pub(super) async fn health(State(shop): State<Shop>) -> Response {
    let health = examine(&shop).await;
    (http_status(health.status), Json(health)).into_response()
}

fn http_status(status: Status) -> StatusCode {
    match status {
        Status::Healthy | Status::Degraded => StatusCode::OK,
        Status::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn examine(shop: &Shop) -> Health {
    let mut reasons = Vec::new();
    let mut checks = BTreeMap::new();
    let database = database(shop).await;
    reasons.extend(database.err());
    let status = if reasons.is_empty() { Status::Healthy } else { Status::Unhealthy };
    checks.insert("database".to_owned(), Check { status, looked_at: None, stumbled_at: None, settled: None });

    let vitals = shop.client.vitals().all();
    if vitals.is_empty() {
        reasons.push("the worker has not started yet".to_owned());
    }
    let mut worst = if reasons.is_empty() { Status::Healthy } else { Status::Unhealthy };
    for (name, vital) in vitals {
        let (status, reason) = judge(&name, &vital, shop.client.now());
        reasons.extend(reason);
        worst = worst.max(status);
        let check = Check {
            status,
            looked_at: vital.looked_at.map(Moment),
            stumbled_at: vital.stumbled_at.map(Moment),
            settled: vital.looked_at.map(|_| vital.settled),
        };
        checks.insert(name, check);
    }
    Health { status: worst, reasons, checks }
}

async fn database(shop: &Shop) -> Result<(), String> {
    match tokio::time::timeout(Duration::from_secs(PING_DURATION_MAX_S), shop.client.ping()).await {
        Ok(Ok(())) => Ok(()),
        // Health is asked by strangers too: the code says enough, the log says the rest.
        Ok(Err(error)) => Err(format!("the database does not answer ({})", error.code())),
        Err(_) => Err(format!("the database did not answer within {PING_DURATION_MAX_S} s")),
    }
}

/// Only what looks for work can fail to: a background task that has never looked may well be at work.
fn judge(name: &str, vital: &Vital, now: Timestamp) -> (Status, Option<String>) {
    let look_age_max = vital.looks_every + LOOK_LATE_MAX;
    if vital.looked_at.is_some_and(|at| now.since(at) > look_age_max) {
        let reason = format!("{name} has not looked for work for more than {} s", look_age_max.as_secs());
        return (Status::Unhealthy, Some(reason));
    }
    if vital.stumbled_at.is_some_and(|at| now.since(at) < STUMBLE_AGE_MAX) {
        return (Status::Degraded, Some(format!("{name} stumbled less than {} s ago", STUMBLE_AGE_MAX.as_secs())));
    }
    (Status::Healthy, None)
}
