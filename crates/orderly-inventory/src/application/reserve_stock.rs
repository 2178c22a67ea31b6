//! Holds every line of an order, or none.

use orderly_contracts::inventory::{
    InventoryReservationFailed, InventoryReservationRequested, InventoryReserved, Shortage,
};
use wharf::{Bus, Msg, Result, State, Tx};

use super::{Ports, run_low::ran_low};
use crate::domain::{HoldDecision, Shortages, hold_all};

pub(super) async fn reserve_stock(
    Msg(request): Msg<InventoryReservationRequested>,
    State(ports): State<Ports>,
    mut tx: Tx,
    bus: Bus,
) -> Result {
    let order = request.order;
    match HoldDecision::of(ports.stockroom.reservation(&mut tx, order).await?) {
        HoldDecision::Repeat => return Ok(()),
        HoldDecision::Refuse => {
            bus.publish(InventoryReservationFailed { order, shortages: Vec::new() });
            return Ok(());
        }
        HoldDecision::Hold => {}
    }
    let products: Vec<_> = request.lines.iter().map(|line| line.product).collect();
    let stock = ports.stockroom.stock(&mut tx, &products).await?;
    match hold_all(request.lines.iter().map(|line| (line.product, line.quantity)), &stock) {
        Ok(held) => {
            ports.stockroom.hold(&mut tx, order, &held).await?;
            bus.publish(InventoryReserved { order });
            for low in held.iter().filter(|held| held.runs_low()) {
                bus.publish(ran_low(low.product, low.after));
            }
        }
        Err(short) => {
            // The saga gives the order up on this answer: asked again, with more on the shelves, nothing may be held.
            ports.stockroom.leave_tombstone(&mut tx, order).await?;
            let products =
                short.as_slice().iter().map(|short| short.product.to_string()).collect::<Vec<_>>().join(", ");
            tracing::warn!(%order, products, "stock is short");
            bus.publish(InventoryReservationFailed { order, shortages: told(&short) });
        }
    }
    Ok(())
}

fn told(short: &Shortages) -> Vec<Shortage> {
    let told = short.as_slice().iter();
    told.map(|short| Shortage { product: short.product, wanted: short.wanted, available: short.available }).collect()
}
