//! Signals on a real Redis, the one of `TEST_REDIS_URL`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod cancelling;
mod conformance;
mod connecting;
mod server;
