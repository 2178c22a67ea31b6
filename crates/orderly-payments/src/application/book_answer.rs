//! Books what the provider said, and tells the order's saga.

use orderly_contracts::{
    OrderId,
    payments::{PaymentApproved, PaymentDeclined, PaymentDisputed},
};
use wharf::{Bus, Result, Tx};

use super::{Answer, Capture, Ports, RefundCapture};
use crate::domain::{Change, Intent, IntentError};

/// Books an answer; one that was booked before changes nothing. Money that is not ours to keep (it came after the payment
/// had ended, or twice, or is not the amount) is put on record and given back. When the provider contradicts itself, both
/// of what it said stay on record, and the saga calls a person.
pub(super) async fn book_answer(ports: &Ports, tx: &mut Tx, bus: &Bus, order: OrderId, answer: Answer) -> Result {
    let Some(mut intent) = ports.ledger.find(tx, order).await? else { return Ok(()) };
    let change = match answer {
        Answer::Approved(capture) => book_capture(ports, tx, bus, &mut intent, capture).await?,
        Answer::Declined { reason } => book_decline(ports, tx, bus, &mut intent, reason).await?,
        Answer::Pending { .. } => intent.accept(),
    };
    match change {
        Change::Moved => ports.ledger.save(tx, &intent).await,
        Change::Repeated => Ok(()),
    }
}

async fn book_capture(ports: &Ports, tx: &mut Tx, bus: &Bus, intent: &mut Intent, capture: Capture) -> Result<Change> {
    let order = intent.key().order;
    match intent.capture(capture.id.clone(), capture.amount) {
        Ok(Change::Moved) => {
            tracing::info!(%order, capture = %capture.id, amount = %capture.amount, "payment approved");
            bus.publish(PaymentApproved { order, capture: capture.id, amount: capture.amount });
            Ok(Change::Moved)
        }
        Ok(Change::Repeated) => Ok(Change::Repeated),
        Err(stray) => {
            if ports.ledger.book_stray(tx, order, &capture).await? {
                tracing::warn!(%order, code = stray.code(), "{stray}");
                bus.send(RefundCapture { order, capture: capture.id });
                if let IntentError::AmountRefused { .. } = stray {
                    dispute(ports, tx, bus, order, stray.to_string()).await?;
                }
            }
            Ok(Change::Repeated)
        }
    }
}

async fn book_decline(ports: &Ports, tx: &mut Tx, bus: &Bus, intent: &mut Intent, reason: String) -> Result<Change> {
    let order = intent.key().order;
    match intent.decline(reason.as_str()) {
        Ok(Change::Moved) => {
            tracing::warn!(%order, reason, "payment declined");
            bus.publish(PaymentDeclined { order, reason });
            Ok(Change::Moved)
        }
        Ok(Change::Repeated) => Ok(Change::Repeated),
        Err(contradiction) => {
            dispute(ports, tx, bus, order, format!("{contradiction}, and now it is declined: {reason}")).await?;
            Ok(Change::Repeated)
        }
    }
}

/// Calls a person, once for each payment.
pub(super) async fn dispute(ports: &Ports, tx: &mut Tx, bus: &Bus, order: OrderId, reason: String) -> Result {
    if ports.ledger.note_dispute(tx, order, &reason).await? {
        bus.publish(PaymentDisputed { order, reason });
    }
    Ok(())
}
