//! Gives back money that came where none was wanted.

use orderly_contracts::{CaptureId, OrderId};
use serde::{Deserialize, Serialize};
use wharf::{Key, Kind, Message, Msg, Result, State, Tx, outside};

use super::Ports;
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
    Msg(RefundCapture { order, capture }): Msg<RefundCapture>,
    State(ports): State<Ports>,
    mut tx: Tx,
) -> Result {
    let key = PaymentKey { order, intent: IntentNumber::FIRST };
    outside(ports.gateway.refund_capture(key, &capture)).await??;
    ports.ledger.stray_is_refunded(&mut tx, order, &capture).await
}
