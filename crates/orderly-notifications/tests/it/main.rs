//! What customers are told, word for word.
#![allow(clippy::unwrap_used, reason = "tests")]

mod notification;
mod telling;
