//! The idempotency keys: every attempt of one intent, or of one refund, says the same one, so the provider acts once.

use std::{fmt, str::FromStr};

use orderly_contracts::{OrderId, ReturnNumber};

/// Which of an order's intents, from 1. A second one exists only after the first took no money for certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IntentNumber(pub u32);

impl IntentNumber {
    pub const FIRST: Self = Self(1);
}

/// `pay:{order}:{intent}`. The provider repeats it in its answers, by which we find the intent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PaymentKey {
    pub order: OrderId,
    pub intent: IntentNumber,
}

impl fmt::Display for PaymentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pay:{}:{}", self.order, self.intent.0)
    }
}

impl FromStr for PaymentKey {
    type Err = UnknownPaymentKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (order, intent) =
            text.strip_prefix("pay:").and_then(|rest| rest.split_once(':')).ok_or(UnknownPaymentKey)?;
        let order = order.parse().map_err(|_| UnknownPaymentKey)?;
        let intent = intent.parse().map(IntentNumber).map_err(|_| UnknownPaymentKey)?;
        let key = Self { order, intent };
        // `pay:+1:01` would parse too, and then two texts would mean one payment.
        if key.to_string() == text { Ok(key) } else { Err(UnknownPaymentKey) }
    }
}

/// The text is no key of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no payment key of ours")]
pub struct UnknownPaymentKey;

/// `refund:{order}:{return}`: what is given back because something came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RefundKey {
    pub order: OrderId,
    pub number: ReturnNumber,
}

impl fmt::Display for RefundKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refund:{}:{}", self.order, self.number)
    }
}
