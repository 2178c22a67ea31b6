//! Asks the provider to take the money. After a lost answer it first asks what became of the call before.

use orderly_contracts::OrderId;
use serde::{Deserialize, Serialize};
use wharf::{Attempt, Bus, Envelope, Key, Kind, Message, Msg, Result, State, Tx, outside};

use super::{Answer, GatewayError, Inquiry, Ports, book_answer::book_answer};
use crate::domain::{Intent, IntentState};

/// Ask the provider for an order's payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitPayment {
    pub order: OrderId,
}

impl Message for SubmitPayment {
    const NAME: &'static str = "payments.submit";
    const KIND: Kind = Kind::Command;

    fn key(&self) -> Key {
        Key::new("order", self.order)
    }
}

pub(super) async fn submit_payment(
    Msg(SubmitPayment { order }): Msg<SubmitPayment>,
    State(ports): State<Ports>,
    envelope: Envelope,
    attempt: Attempt,
    mut tx: Tx,
    bus: Bus,
) -> Result {
    let Some(intent) = ports.ledger.look_up(&envelope.tenant, order).await? else { return Ok(()) };
    if *intent.state() != IntentState::Requested {
        return Ok(());
    }
    let answer = outside(ask(&ports, &intent, attempt)).await??;
    book_answer(&ports, &mut tx, &bus, order, attempt.number, answer).await
}

async fn ask(ports: &Ports, intent: &Intent, attempt: Attempt) -> Result<Answer, GatewayError> {
    if attempt.is_repeat()
        && let Inquiry::Known(answer) = ports.gateway.inquire(intent.key()).await?
    {
        return Ok(answer);
    }
    ports.gateway.submit(intent.key(), intent.total()).await
}
