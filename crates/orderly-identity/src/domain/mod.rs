//! The rules of identity: what is an e-mail address, a password worth the name, and a user.

mod email;
mod password;
mod user;

pub use email::{Email, EmailError};
pub use password::{
    PASSWORD_LENGTH_MAX_CHARS, PASSWORD_LENGTH_MIN_CHARS, Password, PasswordHash, PasswordWeakness, WeakPassword,
};
pub use user::User;
