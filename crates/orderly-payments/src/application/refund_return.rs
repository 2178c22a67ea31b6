//! Something came back: puts on record what is owed for it, and commits that, before the provider is asked.

use orderly_contracts::orders::OrderReturned;
use wharf::{Bus, Failure, Msg, Permanent, Result, State, Tx};

use super::{Ports, SubmitRefund};
use crate::domain::{AttemptState, Refund, RefundKey};

pub(super) async fn refund_return(
    Msg(returned): Msg<OrderReturned>,
    State(ports): State<Ports>,
    mut tx: Tx,
    bus: Bus,
) -> Result {
    let key = RefundKey { order: returned.order_id, number: returned.return_number };
    let intent = ports.ledger.find(&mut tx, key.order).await?;
    let intent = intent.ok_or_else(|| Failure::dead_letter(format!("there is no payment of order {}", key.order)))?;
    let earlier = ports.refunds.of_order(&mut tx, key.order).await?;
    if earlier.iter().any(|refund| refund.key() == key) {
        return Ok(());
    }
    let refund = Refund::request(key, returned.refund, &intent, &earlier).permanent()?;
    ports.refunds.add(&mut tx, &refund).await?;
    ports.refunds.note_attempt(&mut tx, key, 1, AttemptState::Submitted).await?;
    bus.send(SubmitRefund { order: key.order, number: key.number, attempt: 1 });
    Ok(())
}
