//! The rules of payment, as sentences.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod attempt;
mod intent;
mod key;
mod taking;
mod till;
