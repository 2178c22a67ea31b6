//! The rules of an order, as sentences.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "tests")]

mod cancellation;
mod fulfilment;
mod item_return;
mod placing;
mod returning;
mod shop;
mod status;
mod use_cases;
