//! Puts the wish on record and commits it, before the provider is asked.

use orderly_contracts::payments::{PaymentProcessingRequested, PaymentStarted};
use wharf::{Bus, Msg, Permanent, Result, State, Tx};

use super::{Ports, SubmitPayment};
use crate::domain::{AttemptState, Intent, IntentNumber, PaymentKey};

pub(super) async fn start_payment(
    Msg(request): Msg<PaymentProcessingRequested>,
    State(ports): State<Ports>,
    mut tx: Tx,
    bus: Bus,
) -> Result {
    let order = request.order;
    if ports.ledger.find(&mut tx, order).await?.is_some() {
        // Asked for before, or voided before it began.
        return Ok(());
    }
    let intent = Intent::request(PaymentKey { order, intent: IntentNumber::FIRST }, request.amount).permanent()?;
    ports.ledger.save(&mut tx, &intent).await?;
    ports.ledger.note_attempt(&mut tx, order, 1, AttemptState::Submitted).await?;
    bus.publish(PaymentStarted { order });
    bus.send(SubmitPayment::new(order, 1));
    Ok(())
}
