//! `order-expiry`: every minute by default, orders before payment that nothing happened to for ten minutes run out of time.

use orderly_contracts::orders::OrderTimeoutEvent;
use serde::{Deserialize, Serialize};
use wharf::{Bus, Key, Kind, Message, Msg, Result, State, Tx};

use super::Ports;

/// What one sweep expires at most; the next sweep takes the rest.
const BATCH_MAX_ORDERS: u32 = 1_000;

/// Look for stale orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpireStaleOrders {}

impl Message for ExpireStaleOrders {
    const NAME: &'static str = "orders.expire-stale";
    const KIND: Kind = Kind::Command;

    fn key(&self) -> Key {
        Key::new("sweep", "orders")
    }
}

/// Tells the saga of each stale order. Telling it twice does no harm: it only acts on an order that still waits.
pub(super) async fn expire_stale_orders(
    Msg(ExpireStaleOrders {}): Msg<ExpireStaleOrders>,
    State(ports): State<Ports>,
    mut tx: Tx,
    bus: Bus,
) -> Result {
    let stale = ports.book.stale(&mut tx, ports.settings.stale_after, BATCH_MAX_ORDERS).await?;
    if stale.len() == BATCH_MAX_ORDERS as usize {
        tracing::warn!(orders = stale.len(), "more orders are stale than one sweep expires; has the clock jumped?");
    }
    for order_id in stale {
        bus.publish(OrderTimeoutEvent { order_id });
    }
    Ok(())
}
