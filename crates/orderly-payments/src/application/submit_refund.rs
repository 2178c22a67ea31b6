//! Asks the provider to give back what is owed for a return, for as long as it takes: nobody else asks for it. After a
//! lost answer it first asks what became of the call before.

use orderly_contracts::{OrderId, ReturnNumber};
use serde::{Deserialize, Serialize};
use wharf::{Attempt, Bus, Envelope, Key, Kind, Message, Msg, Result, State, Tx, outside};

use super::{GatewayError, Ports, gateway::come_when_it_answers};
use crate::domain::{AttemptState, IntentNumber, PaymentKey, Refund, RefundKey};

/// Ask the provider for the refund of a return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitRefund {
    pub order: OrderId,
    /// Of the return.
    pub number: ReturnNumber,
    /// Which call this is, from 1. It stands on record as submitted before it is made.
    pub attempt: u32,
}

impl Message for SubmitRefund {
    const NAME: &'static str = "payments.submit-refund";
    const KIND: Kind = Kind::Command;

    fn key(&self) -> Key {
        Key::new("order", self.order)
    }
}

/// What is known of the call before, once the money is back.
enum Before {
    /// It was the one that did it, or there was none.
    Heard,
    /// The provider knew nothing of it.
    Missed,
}

pub(super) async fn submit_refund(
    Msg(submit): Msg<SubmitRefund>,
    State(ports): State<Ports>,
    envelope: Envelope,
    delivery: Attempt,
    mut tx: Tx,
    bus: Bus,
) -> Result {
    let SubmitRefund { order, number, attempt } = submit;
    let key = RefundKey { order, number };
    let Some(refund) = ports.refunds.look_up(&envelope.tenant, key).await? else { return Ok(()) };
    if refund.is_made() {
        return Ok(());
    }
    come_when_it_answers(&*ports.gateway)?;
    let is_repeat = attempt > 1 || delivery.is_repeat();
    match outside(ask(&ports, &refund, is_repeat)).await? {
        Ok(before) => {
            ports.refunds.is_made(&mut tx, key).await?;
            ports.refunds.note_attempt(&mut tx, key, attempt, AttemptState::Approved).await?;
            match (before, attempt.checked_sub(1)) {
                (Before::Missed, Some(before @ 1..)) => {
                    ports.refunds.note_attempt(&mut tx, key, before, AttemptState::Missed).await
                }
                (Before::Missed | Before::Heard, _) => Ok(()),
            }
        }
        Err(error) => lost(&ports, &mut tx, &bus, submit, &error).await,
    }
}

async fn ask(ports: &Ports, refund: &Refund, is_repeat: bool) -> Result<Before, GatewayError> {
    let (key, amount) = (refund.key(), refund.amount());
    if is_repeat && let Some(given_back) = ports.gateway.inquire_refund(key).await? {
        if given_back == amount {
            return Ok(Before::Heard);
        }
        // Not what was asked for: it stays open, and somebody reads of it each time.
        return Err(GatewayError(format!("it says that {given_back} was given back under {key}, and not {amount}")));
    }
    let payment = PaymentKey { order: key.order, intent: IntentNumber::FIRST };
    ports.gateway.refund_part(payment, key, amount).await?;
    Ok(if is_repeat { Before::Missed } else { Before::Heard })
}

/// The call broke, and may have been heard all the same. The next one is put on record.
async fn lost(ports: &Ports, tx: &mut Tx, bus: &Bus, submit: SubmitRefund, error: &GatewayError) -> Result {
    let SubmitRefund { order, number, attempt } = submit;
    let key = RefundKey { order, number };
    ports.refunds.note_attempt(tx, key, attempt, AttemptState::Lost).await?;
    let delay = match ports.settings.retry_delays.get(attempt.saturating_sub(1) as usize) {
        Some(&delay) => {
            tracing::warn!(%order, %number, attempt, %error, "a refund was not answered");
            delay
        }
        None => {
            let delay = ports.settings.refund_period;
            tracing::error!(%order, %number, attempt, %error, ?delay, "a refund is still not made; asked again");
            delay
        }
    };
    let next = SubmitRefund { attempt: attempt.saturating_add(1), ..submit };
    ports.refunds.note_attempt(tx, key, next.attempt, AttemptState::Submitted).await?;
    bus.send_after(delay, next);
    Ok(())
}
