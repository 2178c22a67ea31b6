//! The transport on a real broker, the one of `TEST_RABBITMQ_URL`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod admitted;
mod away;
mod broker;
mod cluster;
mod conformance;
mod connecting;
mod copies;
mod crashing;
mod foreign;
mod leases;
#[path = "../../../wharf/tests/shared/on_memory.rs"]
mod on_memory;
mod outages;
mod overdue;
mod private;
mod proxy;
mod refused;
mod set_aside;
mod torn;
mod turns;
mod work;
