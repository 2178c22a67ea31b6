//! The rules of an order, as sentences.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "tests")]

mod cancellation;
mod fulfilment;
mod placing;
mod shop;
mod status;
mod use_cases;
