//! Books what the provider said, and tells the order's saga.

use orderly_contracts::{
    OrderId,
    payments::{PaymentApproved, PaymentDeclined},
};
use wharf::{Bus, Permanent, Result, Tx};

use super::{Answer, InquirePayment, Ports};
use crate::domain::{AttemptState, Change, IntentState};

/// Books an answer. One that was booked before changes nothing; one to a voided intent is left to the void, which gives
/// back what was taken.
pub(super) async fn book_answer(
    ports: &Ports,
    tx: &mut Tx,
    bus: &Bus,
    order: OrderId,
    attempt: u32,
    answer: Answer,
) -> Result {
    let Some(mut intent) = ports.ledger.find(tx, order).await? else { return Ok(()) };
    if matches!(intent.state(), IntentState::Voided | IntentState::Refunded { .. }) {
        return Ok(());
    }
    let (change, state) = match answer {
        Answer::Approved(capture) => {
            let change = intent.capture(capture.id.clone(), capture.amount).permanent()?;
            if change == Change::Moved {
                bus.publish(PaymentApproved { order, capture: capture.id, amount: capture.amount });
            }
            (change, AttemptState::Approved)
        }
        Answer::Declined { reason } => {
            let change = intent.decline(reason.as_str()).permanent()?;
            if change == Change::Moved {
                bus.publish(PaymentDeclined { order, reason });
            }
            (change, AttemptState::Declined)
        }
        Answer::Pending { ask_again_after } => {
            bus.send_after(ask_again_after, InquirePayment { order, attempt });
            (intent.accept(), AttemptState::Accepted)
        }
    };
    if change == Change::Moved {
        ports.ledger.save(tx, &intent).await?;
        ports.ledger.note_attempt(tx, order, attempt, state).await?;
    }
    Ok(())
}
