//! The rules of shipping, as sentences.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod key;
mod parcels;
mod shipment;
