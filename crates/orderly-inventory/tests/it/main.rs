//! The rules of stock, as sentences.
#![allow(clippy::unwrap_used, reason = "tests")]

mod hold;
mod reservation;
mod shelves;
mod stock;
