//! Identity: who may log in, and as what.

mod application;
pub mod domain;

pub use application::{LoginError, RegisterError, Users, log_in, register};
