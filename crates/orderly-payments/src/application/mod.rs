//! What the payments module does: one file per use case.
//!
//! No transaction is open while the provider is asked. The intent is on record before the first call; after a lost
//! answer the provider is asked by key what it did before it is asked to do it again.

mod book_answer;
mod check_payment;
mod gateway;
mod hear_notice;
mod inquire_payment;
mod ports;
mod refund_capture;
mod refund_return;
mod settings;
mod start_payment;
mod submit_payment;
mod submit_refund;
mod totals;
mod void_payment;

pub use gateway::{Answer, Capture, GatewayError, Inquiry, PaymentGateway, Voided};
pub use hear_notice::{PaymentNews, PaymentNotice};
pub use inquire_payment::InquirePayment;
pub use ports::{Ledger, Ports, Refunds};
pub use refund_capture::RefundCapture;
pub use settings::Settings;
pub use submit_payment::SubmitPayment;
pub use submit_refund::SubmitRefund;
pub use totals::{PaymentTotals, Payments};

use wharf::{Module, Retry};

/// The module, as a worker runs it.
pub fn module(ports: Ports) -> Module<Ports> {
    let retry_delays = ports.settings.retry_delays;
    Module::new("payments", ports).endpoint("payment", |endpoint| {
        endpoint
            .consume("start-payment", start_payment::start_payment)
            .consume("submit-payment", submit_payment::submit_payment)
            .consume("inquire-payment", inquire_payment::inquire_payment)
            .consume("check-payment", check_payment::check_payment)
            .consume("hear-notice", hear_notice::hear_notice)
            .consume("void-payment", void_payment::void_payment)
            .consume("refund-capture", refund_capture::refund_capture)
            .consume("refund-return", refund_return::refund_return)
            .consume("submit-refund", submit_refund::submit_refund)
            .retry(Retry::fixed("payment", retry_delays).with_jitter(0.25))
            .concurrency(32)
    })
}
