//! Makes sure that no money is kept for an order: nothing is taken any more, and what was taken is given back. The same
//! whether it was paid before or not.

use orderly_contracts::{
    Currency, Money,
    payments::{PaymentVoidRequested, PaymentVoided},
};
use wharf::{Attempt, Bus, Msg, Permanent, Result, State, Tx, outside};

use super::{GatewayError, Ports, Voided, book_answer::dispute, gateway::come_when_it_answers};
use crate::domain::{Intent, IntentNumber, IntentState, PaymentKey};

pub(super) async fn void_payment(
    Msg(request): Msg<PaymentVoidRequested>,
    State(ports): State<Ports>,
    attempt: Attempt,
    mut tx: Tx,
    bus: Bus,
) -> Result<Option<PaymentVoided>> {
    let order = request.order;
    let key = PaymentKey { order, intent: IntentNumber::FIRST };
    come_when_it_answers(&*ports.gateway)?;
    let taken_back = match outside(take_back(&ports, key)).await? {
        Ok(taken_back) => taken_back,
        Err(error) => {
            // In an outage it is not this payment's turn to be given up.
            come_when_it_answers(&*ports.gateway)?;
            if attempt.number as usize <= ports.settings.retry_delays.len() {
                return Err(error.into());
            }
            // The saga raises the alarm, and asks again.
            tracing::warn!(%order, %error, "the payment is not given back yet");
            return Ok(None);
        }
    };

    let found = ports.ledger.find(&mut tx, order).await?;
    // Voided before it began: the tombstone keeps a late request from starting it.
    let mut intent =
        found.unwrap_or_else(|| Intent::from_stored(key, Money::zero(Currency::GBP), IntentState::Requested));
    match taken_back {
        Voided::Captured(capture) => {
            if intent.capture(capture.id.clone(), capture.amount).is_err() {
                // Not what the intent knows of, and given back with the rest.
                ports.ledger.book_stray(&mut tx, order, &capture).await?;
                ports.ledger.stray_is_refunded(&mut tx, order, &capture.id).await?;
            }
            if intent.is_captured() {
                intent.refund().permanent()?;
            }
        }
        Voided::NothingTaken if intent.is_captured() => {
            let reason = "the provider took the money, and now it says that nothing was taken".to_owned();
            dispute(&ports, &mut tx, &bus, order, reason).await?;
            return Ok(None);
        }
        Voided::NothingTaken => {}
    }
    if intent.is_open() {
        intent.void().permanent()?;
    }
    ports.ledger.save(&mut tx, &intent).await?;
    Ok(Some(PaymentVoided { order }))
}

/// Repeating this is harmless: a void and a refund under one key happen once.
async fn take_back(ports: &Ports, key: PaymentKey) -> Result<Voided, GatewayError> {
    let voided = ports.gateway.void(key).await?;
    if let Voided::Captured(_) = voided {
        ports.gateway.refund(key).await?;
    }
    Ok(voided)
}
