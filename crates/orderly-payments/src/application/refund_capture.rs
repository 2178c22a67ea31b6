//! Gives back money that came where none was wanted.

use orderly_contracts::{CaptureId, OrderId};
use serde::{Deserialize, Serialize};
use wharf::{Bus, Key, Kind, Message, Msg, Result, State, Tx, outside};

use super::{Ports, gateway::come_when_it_answers};
use crate::domain::{IntentNumber, PaymentKey};

/// Give back one capture of an order, and no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundCapture {
    pub order: OrderId,
    /// The provider's id of it.
    pub capture: CaptureId,
}

impl Message for RefundCapture {
    const NAME: &'static str = "payments.refund-capture";
    const KIND: Kind = Kind::Command;

    fn key(&self) -> Key {
        Key::new("order", self.order)
    }
}

/// Repeating this is harmless: the provider gives a capture back once.
pub(super) async fn refund_capture(
    Msg(refund): Msg<RefundCapture>,
    State(ports): State<Ports>,
    mut tx: Tx,
    bus: Bus,
) -> Result {
    let RefundCapture { order, capture } = &refund;
    let key = PaymentKey { order: *order, intent: IntentNumber::FIRST };
    come_when_it_answers(&*ports.gateway)?;
    match outside(ports.gateway.refund_capture(key, capture)).await? {
        Ok(()) => ports.ledger.stray_is_refunded(&mut tx, *order, capture).await,
        Err(error) => {
            tracing::warn!(%order, %capture, %error, "a stray capture is not given back yet");
            bus.send_after(ports.settings.refund_period, refund);
            Ok(())
        }
    }
}
