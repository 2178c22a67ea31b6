//! The transport on a real broker, the one of `TEST_RABBITMQ_URL`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod broker;
mod conformance;
#[expect(dead_code, reason = "the tests of wharf use more of it")]
#[path = "../../../wharf/tests/shared/on_memory.rs"]
mod on_memory;
