//! A payment provider behind a breaker.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use orderly_contracts::{CaptureId, Money};
use orderly_payments::{
    Answer, GatewayError, Inquiry, PaymentGateway, Voided,
    domain::{PaymentKey, RefundKey},
};
use wharf::Clock;

use super::Breaker;

/// A payment provider whose silence is noticed. It says itself how long it is to be left in peace.
pub struct GuardedGateway {
    inner: Arc<dyn PaymentGateway>,
    breaker: Breaker,
}

impl GuardedGateway {
    /// The same provider, behind a breaker that goes by this clock.
    pub fn new(inner: Arc<dyn PaymentGateway>, clock: Arc<dyn Clock>) -> Self {
        Self { inner, breaker: Breaker::new("the payment provider", clock) }
    }

    /// Whether it answered of late.
    pub fn answers(&self) -> bool {
        !self.breaker.is_open()
    }

    fn noted<T>(&self, answer: Result<T, GatewayError>) -> Result<T, GatewayError> {
        self.breaker.note(answer.is_ok());
        answer
    }
}

#[async_trait]
impl PaymentGateway for GuardedGateway {
    fn rests_for(&self) -> Option<Duration> {
        self.breaker.wait()
    }

    async fn submit(&self, key: PaymentKey, amount: Money) -> Result<Answer, GatewayError> {
        self.noted(self.inner.submit(key, amount).await)
    }

    async fn inquire(&self, key: PaymentKey) -> Result<Inquiry, GatewayError> {
        self.noted(self.inner.inquire(key).await)
    }

    async fn void(&self, key: PaymentKey) -> Result<Voided, GatewayError> {
        self.noted(self.inner.void(key).await)
    }

    async fn refund(&self, key: PaymentKey) -> Result<(), GatewayError> {
        self.noted(self.inner.refund(key).await)
    }

    async fn refund_capture(&self, key: PaymentKey, capture: &CaptureId) -> Result<(), GatewayError> {
        self.noted(self.inner.refund_capture(key, capture).await)
    }

    async fn refund_part(&self, payment: PaymentKey, refund: RefundKey, amount: Money) -> Result<(), GatewayError> {
        self.noted(self.inner.refund_part(payment, refund, amount).await)
    }

    async fn inquire_refund(&self, refund: RefundKey) -> Result<Option<Money>, GatewayError> {
        self.noted(self.inner.inquire_refund(refund).await)
    }
}

impl fmt::Debug for GuardedGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedGateway").field("breaker", &self.breaker).finish_non_exhaustive()
    }
}
