//! Asks the provider what became of a payment it had not decided, until it has, or nobody wants it any more.

use orderly_contracts::OrderId;
use serde::{Deserialize, Serialize};
use wharf::{Bus, Envelope, Key, Kind, Message, Msg, Result, State, Tx, outside};

use super::{Inquiry, Ports, book_answer::book_answer};
use crate::domain::IntentState;

/// Ask what became of an order's payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InquirePayment {
    pub order: OrderId,
    /// The call that is still unanswered.
    pub attempt: u32,
}

impl Message for InquirePayment {
    const NAME: &'static str = "payments.inquire";
    const KIND: Kind = Kind::Command;

    fn key(&self) -> Key {
        Key::new("order", self.order)
    }
}

pub(super) async fn inquire_payment(
    Msg(InquirePayment { order, attempt }): Msg<InquirePayment>,
    State(ports): State<Ports>,
    envelope: Envelope,
    mut tx: Tx,
    bus: Bus,
) -> Result {
    let Some(intent) = ports.ledger.look_up(&envelope.tenant, order).await? else { return Ok(()) };
    if *intent.state() != IntentState::Accepted {
        return Ok(());
    }
    match outside(ports.gateway.inquire(intent.key())).await?? {
        Inquiry::Known(answer) => book_answer(&ports, &mut tx, &bus, order, attempt, answer).await,
        Inquiry::Unknown => Err(wharf::Failure::retry(format!("the provider has forgotten payment {}", intent.key()))),
    }
}
