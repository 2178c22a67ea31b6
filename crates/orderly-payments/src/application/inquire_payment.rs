//! Asks the provider what became of a payment it had not decided, until it has, or nobody wants it any more.

use orderly_contracts::OrderId;
use serde::{Deserialize, Serialize};
use wharf::{Bus, Envelope, Key, Kind, Message, Msg, Result, State, Tx, outside};

use super::{Answer, Inquiry, Ports, book_answer::book_answer, gateway::come_when_it_answers};
use crate::domain::{AttemptState, IntentState};

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
    Msg(inquiry): Msg<InquirePayment>,
    State(ports): State<Ports>,
    envelope: Envelope,
    mut tx: Tx,
    bus: Bus,
) -> Result {
    let InquirePayment { order, attempt } = inquiry;
    let Some(intent) = ports.ledger.look_up(&envelope.tenant, order).await? else { return Ok(()) };
    if *intent.state() != IntentState::Accepted {
        return Ok(());
    }
    come_when_it_answers(&*ports.gateway)?;
    match outside(ports.gateway.inquire(intent.key())).await? {
        Ok(Inquiry::Known(answer)) => book_and_ask_again(&ports, &mut tx, &bus, inquiry, answer).await,
        Ok(Inquiry::Unknown) => {
            Err(wharf::Failure::retry(format!("the provider has forgotten payment {}", intent.key())))
        }
        Err(error) => {
            tracing::warn!(%order, attempt, %error, "the payment is asked about again");
            bus.send_after(ports.settings.inquiry_period, inquiry);
            Ok(())
        }
    }
}

/// Books an answer to a call. While the provider has not decided, it is asked again when it says.
pub(super) async fn book_and_ask_again(
    ports: &Ports,
    tx: &mut Tx,
    bus: &Bus,
    inquiry: InquirePayment,
    answer: Answer,
) -> Result {
    let InquirePayment { order, attempt } = inquiry;
    let state = match &answer {
        Answer::Approved(_) => AttemptState::Approved,
        Answer::Declined { .. } => AttemptState::Declined,
        Answer::Pending { ask_again_after } => {
            bus.send_after(*ask_again_after, inquiry);
            AttemptState::Accepted
        }
    };
    book_answer(ports, tx, bus, order, answer).await?;
    ports.ledger.note_attempt(tx, order, attempt, state).await
}
