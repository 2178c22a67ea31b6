//! The SQLite engine's tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod app;
mod conformance;
mod foreign;
mod killed;
mod outbox_example;
mod ownership;
mod sharing;
mod trouble;
mod waking;
