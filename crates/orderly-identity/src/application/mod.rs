//! What the identity module does: log-in, and making users.

mod hashing;
mod log_in;
mod ports;
mod register;

pub use log_in::{LoginError, log_in};
pub use ports::Users;
pub use register::{RegisterError, register};
