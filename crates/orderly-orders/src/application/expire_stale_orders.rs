//! `order-expiry`: every minute by default, orders before payment that nothing happened to for ten minutes run out of time.

use orderly_contracts::orders::OrderTimeoutEvent;
use serde::{Deserialize, Serialize};
use wharf::{Bus, Key, Kind, Message, Msg, Result, State, Tx};

use super::Ports;

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

/// Tells the saga of each stale order, of so many at most: when a clock has jumped, or much stood still, they are not all
/// given up at once, and somebody hears of it first. The next sweep takes the rest. Telling the saga twice does no harm: it
/// only acts on an order that still waits.
pub(super) async fn expire_stale_orders(
    Msg(ExpireStaleOrders {}): Msg<ExpireStaleOrders>,
    State(ports): State<Ports>,
    mut tx: Tx,
    bus: Bus,
) -> Result {
    let (age, batch_max) = (ports.settings.stale_after, ports.settings.expiry_batch_max_orders);
    let stale = ports.book.stale(&mut tx, age, batch_max).await?;
    if stale.len() == batch_max as usize {
        let all = ports.book.count_stale(&mut tx, age).await?;
        if all > u64::from(batch_max) {
            let (expired, left) = (stale.len(), all - u64::from(batch_max));
            tracing::error!(expired, left, "more orders are stale than one sweep expires; has the clock jumped?");
        }
    }
    for order_id in stale {
        bus.publish(OrderTimeoutEvent { order_id });
    }
    Ok(())
}
