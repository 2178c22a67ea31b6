//! `/health`: live when the runtime turns; ready when the database answers and the worker does its work; degraded when
//! that holds, but something is late or stumbled lately, or the shop's own records say that people have to see to it.

mod business;
mod workers;

use std::collections::BTreeMap;

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use orderly_infrastructure::{Infrastructure, reconciliation::Reconciler};
use serde::Serialize;
use wharf::{Client, WorkerState};

use self::business::Finding;
use super::moment::Moment;
use crate::{app::App, role::Role};

/// What is examined: this process, and the shop's records.
#[derive(Clone)]
struct Patient {
    client: Client,
    infrastructure: Infrastructure,
    orders: orderly_orders::Settings,
    reconciler: Reconciler,
    role: Role,
}

/// The addresses that probes ask.
pub(super) fn router(app: &App, role: Role) -> Router {
    let patient = Patient {
        client: app.client.clone(),
        infrastructure: app.infrastructure.clone(),
        orders: app.order_ports.settings.clone(),
        reconciler: app.reconciler.clone(),
        role,
    };
    Router::new()
        .route("/health", get(health))
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .with_state(patient)
}

/// How the service is, worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Healthy,
    /// It works, but something is late, stumbled lately, or is for people to see to.
    Degraded,
    Unhealthy,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Health {
    status: Status,
    /// Why it is not healthy.
    reasons: Vec<String>,
    /// How many messages were given up; information, and no reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letters: Option<u64>,
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
async fn live() -> Response {
    Json(serde_json::json!({ "status": Status::Healthy })).into_response()
}

/// Whether requests should be sent here: reasons only.
async fn ready(State(patient): State<Patient>) -> Response {
    let Health { status, reasons, .. } = examine(&patient).await;
    (http_status(status), Json(serde_json::json!({ "status": status, "reasons": reasons }))).into_response()
}

/// Everything that is known.
async fn health(State(patient): State<Patient>) -> Response {
    let health = examine(&patient).await;
    (http_status(health.status), Json(health)).into_response()
}

fn http_status(status: Status) -> StatusCode {
    match status {
        Status::Healthy | Status::Degraded => StatusCode::OK,
        Status::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn examine(patient: &Patient) -> Health {
    let health = patient.client.health().await;
    let mut reasons: Vec<_> = health.reasons().map(str::to_owned).collect();
    let mut status = status(health.status());
    if patient.role.works() && health.worker == WorkerState::Idle {
        reasons.push("the worker has not started yet".to_owned());
        status = Status::Unhealthy;
    }
    let mut checks: BTreeMap<_, _> =
        health.checks.into_iter().map(|check| (check.name.clone(), Check::from(check))).collect();
    let findings = business::findings(patient).await;
    for Finding { name, reason } in findings.into_iter().chain(workers::finding(patient).await) {
        let found = if reason.is_some() { Status::Degraded } else { Status::Healthy };
        checks.insert(name.to_owned(), Check { status: found, looked_at: None, stumbled_at: None, settled: None });
        status = status.max(found);
        reasons.extend(reason);
    }
    Health { status, reasons, dead_letters: health.dead_letters, checks }
}

fn status(status: wharf::Status) -> Status {
    if status == wharf::Status::Up {
        Status::Healthy
    } else if status == wharf::Status::Degraded {
        Status::Degraded
    } else {
        Status::Unhealthy
    }
}

impl From<wharf::Check> for Check {
    fn from(check: wharf::Check) -> Self {
        let vital = check.vital;
        Self {
            status: status(check.status),
            looked_at: vital.and_then(|vital| vital.looked_at).map(Moment),
            stumbled_at: vital.and_then(|vital| vital.stumbled_at).map(Moment),
            settled: vital.filter(|vital| vital.handlers_end_within.is_some()).map(|vital| vital.settled),
        }
    }
}
