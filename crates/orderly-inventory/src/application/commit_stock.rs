//! Takes what an order holds off the shelf: it has left with the carrier.

use orderly_contracts::inventory::InventoryCommitRequested;
use wharf::{Msg, Permanent, Result, State, Tx};

use super::Ports;
use crate::domain::CommitDecision;

pub(super) async fn commit_stock(
    Msg(request): Msg<InventoryCommitRequested>,
    State(ports): State<Ports>,
    mut tx: Tx,
) -> Result {
    let order = request.order;
    match CommitDecision::of(ports.stockroom.reservation(&mut tx, order).await?).permanent()? {
        CommitDecision::TakeOut => ports.stockroom.take_out(&mut tx, order).await,
        CommitDecision::Repeat => Ok(()),
    }
}
