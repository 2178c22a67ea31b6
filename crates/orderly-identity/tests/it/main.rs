//! The rules of identity, as sentences.
#![allow(clippy::unwrap_used, reason = "tests")]

mod email;
mod password;
