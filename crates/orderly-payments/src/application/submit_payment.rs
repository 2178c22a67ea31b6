//! Asks the provider to take the money, at most four times. After a lost answer it first asks what became of the call
//! before.

use std::time::Duration;

use orderly_contracts::{OrderId, payments::PaymentFailed};
use serde::{Deserialize, Serialize};
use wharf::{Attempt, Bus, Envelope, Key, Kind, Message, Msg, Result, State, Tx, outside};

use super::{
    Answer, GatewayError, InquirePayment, Inquiry, Ports, gateway::come_when_it_answers,
    inquire_payment::book_and_ask_again,
};
use crate::domain::{AttemptState, Intent, IntentState};

/// Ask the provider for an order's payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitPayment {
    pub order: OrderId,
    /// Which call this is, from 1. It stands on record as submitted before it is made.
    pub attempt: u32,
    /// Whether this very call was made before, and lost in an outage, which is not counted.
    #[serde(default)]
    pub was_made: bool,
}

impl SubmitPayment {
    /// A call that was not made before.
    pub(super) fn new(order: OrderId, attempt: u32) -> Self {
        Self { order, attempt, was_made: false }
    }
}

impl Message for SubmitPayment {
    const NAME: &'static str = "payments.submit";
    const KIND: Kind = Kind::Command;

    fn key(&self) -> Key {
        Key::new("order", self.order)
    }
}

/// What a call came to.
struct Outcome {
    answer: Answer,
    /// Whether the provider says that it knew nothing of the call before.
    missed_before: bool,
}

pub(super) async fn submit_payment(
    Msg(submit): Msg<SubmitPayment>,
    State(ports): State<Ports>,
    envelope: Envelope,
    delivery: Attempt,
    mut tx: Tx,
    bus: Bus,
) -> Result {
    let SubmitPayment { order, attempt, was_made } = submit;
    let Some(intent) = ports.ledger.look_up(&envelope.tenant, order).await? else { return Ok(()) };
    if *intent.state() != IntentState::Requested {
        return Ok(());
    }
    come_when_it_answers(&*ports.gateway)?;
    let is_repeat = attempt > 1 || was_made || delivery.is_repeat();
    match outside(ask(&ports, &intent, is_repeat)).await? {
        Ok(Outcome { answer, missed_before }) => {
            book_and_ask_again(&ports, &mut tx, &bus, InquirePayment { order, attempt }, answer).await?;
            match attempt.checked_sub(1) {
                Some(before @ 1..) if missed_before => {
                    ports.ledger.note_attempt(&mut tx, order, before, AttemptState::Missed).await
                }
                Some(_) | None => Ok(()),
            }
        }
        Err(error) => lost(&ports, &mut tx, &bus, submit, &error).await,
    }
}

async fn ask(ports: &Ports, intent: &Intent, is_repeat: bool) -> Result<Outcome, GatewayError> {
    if is_repeat && let Inquiry::Known(answer) = ports.gateway.inquire(intent.key()).await? {
        return Ok(Outcome { answer, missed_before: false });
    }
    let answer = ports.gateway.submit(intent.key(), intent.total()).await?;
    Ok(Outcome { answer, missed_before: is_repeat })
}

/// The call broke, and may have been heard all the same. The next one is put on record, or none is left; but in an outage
/// the same call is made once it is over.
async fn lost(ports: &Ports, tx: &mut Tx, bus: &Bus, submit: SubmitPayment, error: &GatewayError) -> Result {
    let SubmitPayment { order, attempt, .. } = submit;
    if let Some(wait) = ports.gateway.rests_for() {
        bus.send_after(wait, SubmitPayment { was_made: true, ..submit });
        return Ok(());
    }
    tracing::warn!(%order, attempt, %error, "a payment attempt was lost");
    ports.ledger.note_attempt(tx, order, attempt, AttemptState::Lost).await?;
    match ports.settings.retry_delays.get(attempt.saturating_sub(1) as usize) {
        Some(&delay) => {
            let next = SubmitPayment::new(order, attempt + 1);
            ports.ledger.note_attempt(tx, order, next.attempt, AttemptState::Submitted).await?;
            bus.send_after(spread(delay, order), next);
        }
        None => {
            tracing::warn!(%order, %error, "payment failed: the provider never answered");
            bus.publish(PaymentFailed { order, reason: error.to_string() });
        }
    }
    Ok(())
}

/// Orders that failed together do not come back together: up to a quarter more, by the order's number.
fn spread(delay: Duration, order: OrderId) -> Duration {
    delay + delay * order.0.rem_euclid(26) as u32 / 100
}
