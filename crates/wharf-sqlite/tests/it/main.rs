//! The SQLite engine's tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod app;
#[path = "../../../wharf/tests/shared/child_process.rs"]
mod child_process;
mod conformance;
mod foreign;
mod killed;
mod outbox_example;
mod ownership;
mod sharing;
mod trouble;
mod waking;
