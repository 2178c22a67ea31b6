//! wharf, tested from outside: what a user can see.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod broken;
mod check;
mod compile_errors;
mod conformance;
mod examples;
mod explore;
mod faults;
mod guard;
mod harness;
mod job_filters;
mod jobs;
mod layers;
#[path = "../shared/on_memory.rs"]
mod on_memory;
mod saga;
mod verdicts;
mod worker;
