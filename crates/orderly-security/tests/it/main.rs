//! Who gets in, who does not, and what they may do.
#![allow(clippy::unwrap_used, reason = "tests")]

mod principal;
mod token;
