//! The HTTP API: who may ask what, and how the answer looks. It decides nothing that a module decides.
//!
//! camelCase JSON; amounts are numbers with exactly two digits; times are RFC 3339 in UTC; what goes wrong is told as
//! `application/problem+json` (RFC 9457).

mod amount;
mod around;
mod audit_log;
mod body;
mod caller;
mod health;
mod inventory;
mod limits;
mod log_in;
mod moment;
mod notifications;
mod orders;
mod page;
mod problem;
mod products;
mod reference;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};
use orderly_contracts::Currency;
use orderly_infrastructure::Infrastructure;
use orderly_security::Tokens;
use tokio::sync::Semaphore;
use wharf::Client;

use crate::{app::App, role::Role, stop::Stop};
pub(crate) use limits::TOKEN_LIFETIME_S;
use problem::{Kind, Problem};

/// What all requests share. Cheap to clone.
#[derive(Clone)]
struct Shop {
    client: Client,
    infrastructure: Infrastructure,
    orders: orderly_orders::Ports,
    inventory: orderly_inventory::Ports,
    tokens: Arc<Tokens>,
    /// One permit for each log-in that may be hashing.
    log_ins: Arc<Semaphore>,
    /// One permit for each client that may wait for its order.
    waits: Arc<Semaphore>,
    /// Nobody waits any longer once it is asked for.
    stop: Stop,
    /// Of an order that names none.
    currency: Currency,
}

/// The whole surface.
pub(crate) fn router(app: &App, role: Role, tokens: Tokens, currency: Currency, stop: Stop) -> Router {
    let shop = Shop {
        client: app.client.clone(),
        infrastructure: app.infrastructure.clone(),
        orders: app.order_ports.clone(),
        inventory: app.inventory_ports.clone(),
        tokens: Arc::new(tokens),
        log_ins: Arc::new(Semaphore::new(limits::LOG_INS_AT_ONCE_MAX)),
        waits: Arc::new(Semaphore::new(limits::WAITS_AT_ONCE_MAX)),
        stop,
        currency,
    };
    Router::new()
        .route("/api/auth/login", post(log_in::log_in))
        .route("/api/products", get(products::list))
        .route("/api/orders", get(orders::list).post(orders::place))
        .route("/api/orders/{id}", get(orders::one))
        .route("/api/orders/{id}/events", get(orders::events))
        .route("/api/orders/{id}/cancel", post(orders::cancel))
        .route("/api/orders/{id}/returns", post(orders::take_back))
        .route("/api/inventory", get(inventory::list))
        .route("/api/inventory/{product}", get(inventory::one).put(inventory::adjust))
        .route("/api/inventory/{product}/receipts", post(inventory::receive))
        .route("/api/inventory/{product}/movements", get(inventory::movements))
        .route("/api/notifications", get(notifications::list))
        .route("/api/audit", get(audit_log::list))
        .with_state(shop)
        .merge(health::router(app, role))
        .fallback(|| async { Problem::new(Kind::UnknownRoute, "There is nothing at this address.") })
        .method_not_allowed_fallback(|| async {
            Problem::new(Kind::MethodNotAllowed, "This address answers to the methods that the Allow header names.")
        })
        .layer(DefaultBodyLimit::max(limits::BODY_SIZE_MAX_BYTES))
        .layer(middleware::from_fn(around::around))
}

/// What a worker answers to.
pub(crate) fn health_alone(app: &App) -> Router {
    health::router(app, Role::Worker)
        .fallback(|| async {
            Problem::new(Kind::UnknownRoute, "Only /health, /health/live and /health/ready are here.")
        })
        .layer(middleware::from_fn(around::around))
}
