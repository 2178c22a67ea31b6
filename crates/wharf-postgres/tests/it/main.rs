//! wharf-postgres against a real server: the one in `TEST_POSTGRES_URL`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod adopting;
mod cancelling;
#[path = "../../../wharf/tests/shared/child_process.rs"]
mod child_process;
mod clocks;
mod conformance;
mod crowding;
mod database;
mod foreign;
mod joining;
mod killed;
mod killed_jobs;
mod listening;
mod migrating;
mod outages;
mod pooled;
mod pooler;
mod reconnecting;
mod runs;
mod schedules;
mod sharing;
mod transactions;
mod workers;
