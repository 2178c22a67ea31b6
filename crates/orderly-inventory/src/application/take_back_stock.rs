//! Something came back: what can be sold again goes on the shelf, and the rest is written off.

use orderly_contracts::orders::OrderReturned;
use wharf::{Msg, Permanent, Result, State, Tx};

use super::Ports;
use crate::domain::take_back_all;

pub(super) async fn take_back_stock(
    Msg(returned): Msg<OrderReturned>,
    State(ports): State<Ports>,
    mut tx: Tx,
) -> Result {
    let OrderReturned { order_id: order, return_number: number, lines, .. } = returned;
    let products: Vec<_> = lines.iter().map(|line| line.product).collect();
    let stock = ports.stockroom.stock(&mut tx, &products).await?;
    let lines = lines.iter().map(|line| (line.product, line.quantity, line.fate));
    let back = take_back_all(lines, &stock).permanent()?;
    ports.stockroom.take_back(&mut tx, order, number, &back).await
}
