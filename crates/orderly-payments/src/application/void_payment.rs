//! Makes sure that no money is kept for an order: nothing is taken any more, and what was taken is given back.

use orderly_contracts::{
    Currency, Money,
    payments::{PaymentVoidRequested, PaymentVoided},
};
use wharf::{Msg, Permanent, Result, State, Tx, outside};

use super::{GatewayError, Ports, Voided};
use crate::domain::{Intent, IntentNumber, IntentState, PaymentKey};

pub(super) async fn void_payment(
    Msg(request): Msg<PaymentVoidRequested>,
    State(ports): State<Ports>,
    mut tx: Tx,
) -> Result<PaymentVoided> {
    let order = request.order;
    let key = PaymentKey { order, intent: IntentNumber::FIRST };
    let taken_back = outside(take_back(&ports, key)).await??;

    let found = ports.ledger.find(&mut tx, order).await?;
    // Voided before it began: the tombstone keeps a late request from starting it.
    let mut intent =
        found.unwrap_or_else(|| Intent::from_stored(key, Money::zero(Currency::GBP), IntentState::Requested));
    if let Voided::Captured(capture) = taken_back {
        intent.capture(capture.id, capture.amount).permanent()?;
        intent.refund().permanent()?;
    } else {
        intent.void().permanent()?;
    }
    ports.ledger.save(&mut tx, &intent).await?;
    Ok(PaymentVoided { order })
}

/// Repeating this is harmless: a void and a refund under one key happen once.
async fn take_back(ports: &Ports, key: PaymentKey) -> Result<Voided, GatewayError> {
    let voided = ports.gateway.void(key).await?;
    if let Voided::Captured(_) = voided {
        ports.gateway.refund(key).await?;
    }
    Ok(voided)
}
