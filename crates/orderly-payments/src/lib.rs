//! Payments: what we mean to take for an order, and what came of it.

mod application;
pub mod domain;

pub use application::{
    Answer, Capture, GatewayError, InquirePayment, Inquiry, Ledger, PaymentGateway, PaymentNews, PaymentNotice,
    PaymentTotals, Payments, Ports, RefundCapture, Refunds, Settings, SubmitPayment, SubmitRefund, Voided, module,
};
