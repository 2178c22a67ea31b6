//! The rules of payment, as sentences.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod attempt;
mod giving_back;
mod intent;
mod key;
mod refund;
mod taking;
mod till;
