//! What the provider says of a payment by itself, whenever it likes, and as often.

use orderly_contracts::{CaptureId, Money, OrderId};
use serde::{Deserialize, Serialize};
use wharf::{Bus, Failure, Key, Kind, Message, Msg, Result, State, Tx};

use super::{Answer, Capture, Ports, book_answer::book_answer};

/// The provider says what became of an order's payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentNotice {
    /// Found by the key that the provider repeats.
    pub order: OrderId,
    /// What it says.
    pub news: PaymentNews,
}

/// What a provider can say by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum PaymentNews {
    /// It took this.
    Captured {
        /// Its own id of it.
        capture: CaptureId,
        /// How much.
        amount: Money,
    },
    /// It will not take it.
    Declined {
        /// Its words.
        reason: String,
    },
}

impl Message for PaymentNotice {
    const NAME: &'static str = "payments.notice";
    const KIND: Kind = Kind::Command;

    fn key(&self) -> Key {
        Key::new("order", self.order)
    }
}

pub(super) async fn hear_notice(
    Msg(PaymentNotice { order, news }): Msg<PaymentNotice>,
    State(ports): State<Ports>,
    mut tx: Tx,
    bus: Bus,
) -> Result {
    if ports.ledger.find(&mut tx, order).await?.is_none() {
        // It may have overtaken the request; money of which nobody knows must not pass in silence.
        return Err(Failure::retry(format!("there is no payment of order {order}")));
    }
    let answer = match news {
        PaymentNews::Captured { capture, amount } => Answer::Approved(Capture { id: capture, amount }),
        PaymentNews::Declined { reason } => Answer::Declined { reason },
    };
    book_answer(&ports, &mut tx, &bus, order, answer).await
}
