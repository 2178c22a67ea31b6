//! The payment provider, as this module sees it.

use std::time::Duration;

use async_trait::async_trait;
use orderly_contracts::{CaptureId, Money};
use wharf::{Result as Handled, snooze};

use crate::domain::{PaymentKey, RefundKey};

/// A payment provider. Every call names the payment's key; a repeated key repeats its answer and takes nothing twice.
#[async_trait]
pub trait PaymentGateway: Send + Sync {
    /// For how long nobody should call, since it does not answer. Who is told `None` calls at once: after a rest only one
    /// caller is told so, who finds out for all.
    fn rests_for(&self) -> Option<Duration> {
        None
    }

    /// Takes the money.
    async fn submit(&self, key: PaymentKey, amount: Money) -> Result<Answer, GatewayError>;

    /// Says what became of a payment.
    async fn inquire(&self, key: PaymentKey) -> Result<Inquiry, GatewayError>;

    /// Makes sure that nothing is taken under this key any more.
    async fn void(&self, key: PaymentKey) -> Result<Voided, GatewayError>;

    /// Gives back whatever was taken under this key.
    async fn refund(&self, key: PaymentKey) -> Result<(), GatewayError>;

    /// Gives back one of several captures under this key.
    async fn refund_capture(&self, key: PaymentKey, capture: &CaptureId) -> Result<(), GatewayError>;

    /// Gives back a part of what was taken under `payment`. A repeated `refund` gives nothing back again; all of them
    /// together give back no more than was taken.
    async fn refund_part(&self, payment: PaymentKey, refund: RefundKey, amount: Money) -> Result<(), GatewayError>;

    /// Says what was given back under the key of a refund, if anything was.
    async fn inquire_refund(&self, refund: RefundKey) -> Result<Option<Money>, GatewayError>;
}

/// Puts a delivery that needs the provider off while it rests, which costs no attempt.
pub(super) fn come_when_it_answers(gateway: &dyn PaymentGateway) -> Handled {
    match gateway.rests_for() {
        Some(wait) => Err(snooze(wait)),
        None => Ok(()),
    }
}

/// What the provider says to a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The money is taken.
    Approved(Capture),
    /// It will not be.
    Declined {
        /// The provider's words.
        reason: String,
    },
    /// The provider has not decided; ask again after this long.
    Pending {
        /// Its own hint.
        ask_again_after: Duration,
    },
}

/// What the provider knows of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inquiry {
    /// It was never asked.
    Unknown,
    /// This is its answer.
    Known(Answer),
}

/// Money that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// The provider's id of it.
    pub id: CaptureId,
    /// How much.
    pub amount: Money,
}

/// What the provider says to a void.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Voided {
    /// Nothing was taken, and nothing will be.
    NothingTaken,
    /// Too late: this was taken already.
    Captured(Capture),
}

/// The call failed. Whether the provider acted is unknown.
#[derive(Debug, thiserror::Error)]
#[error("the payment provider did not answer: {0}")]
pub struct GatewayError(pub String);
