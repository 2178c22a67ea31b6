//! `order-expiry`: every minute by default, orders before payment that nothing happened to for ten minutes run out of time.

use orderly_contracts::orders::OrderTimeoutEvent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wharf::{Bus, Job, Key, Msg, Result, Run, State, Tx};

use super::Ports;

/// Look for stale orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExpireStaleOrders {}

impl Job for ExpireStaleOrders {
    const NAME: &'static str = "orders.expire-stale";

    fn key(&self) -> Key {
        Key::new("sweep", "orders")
    }
}

/// What a sweep found.
#[derive(Debug, Serialize)]
pub(super) struct Expired {
    orders: usize,
}

/// Tells the saga of each stale order, of so many at most: when a clock has jumped, or much stood still, they are not all
/// given up at once, and somebody hears of it first. The next sweep takes the rest. Telling the saga twice does no harm: it
/// only acts on an order that still waits.
pub(super) async fn expire_stale_orders(
    Msg(ExpireStaleOrders {}): Msg<ExpireStaleOrders>,
    State(ports): State<Ports>,
    mut tx: Tx,
    bus: Bus,
    run: Run,
) -> Result<Expired> {
    let (age, batch_max) = (ports.settings.stale_after, ports.settings.expiry_batch_max_orders);
    let stale = ports.book.stale(&mut tx, age, batch_max).await?;
    if stale.len() == batch_max as usize {
        let all = ports.book.count_stale(&mut tx, age).await?;
        if all > u64::from(batch_max) {
            let (expired, left) = (stale.len(), all - u64::from(batch_max));
            tracing::error!(expired, left, "more orders are stale than one sweep expires; has the clock jumped?");
            run.error(format!("{left} more orders are stale than one sweep expires; has the clock jumped?"));
        }
    }
    let orders = stale.len();
    for order_id in stale {
        bus.publish(OrderTimeoutEvent { order_id });
    }
    Ok(Expired { orders })
}
