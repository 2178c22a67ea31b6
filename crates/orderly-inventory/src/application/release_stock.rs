//! Gives back what is held for an order, now or when the reservation arrives late.

use orderly_contracts::inventory::{InventoryReleaseRequested, InventoryReleased};
use wharf::{Msg, Permanent, Result, State, Tx};

use super::Ports;
use crate::domain::ReleaseDecision;

pub(super) async fn release_stock(
    Msg(request): Msg<InventoryReleaseRequested>,
    State(ports): State<Ports>,
    mut tx: Tx,
) -> Result<InventoryReleased> {
    let order = request.order;
    match ReleaseDecision::of(ports.stockroom.reservation(&mut tx, order).await?).permanent()? {
        ReleaseDecision::GiveBack => ports.stockroom.give_back(&mut tx, order).await?,
        ReleaseDecision::LeaveTombstone => ports.stockroom.leave_tombstone(&mut tx, order).await?,
        ReleaseDecision::Repeat => {}
    }
    Ok(InventoryReleased { order })
}
