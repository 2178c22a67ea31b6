//! The rules of stock, as sentences.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod hold;
mod reservation;
mod running_low;
mod shelves;
mod shop;
mod stock;
mod taken_back;
mod warehouse;
