//! The rules of the catalog, as sentences.
#![allow(clippy::unwrap_used, reason = "tests")]

mod product;
mod sku;
