//! The published language: what stands on the wire, and what the values refuse.
#![allow(clippy::unwrap_used, reason = "tests")]

mod money;
mod values;
mod wire;
