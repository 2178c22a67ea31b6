//! Who is asking, and whether they may. Used at the edges; no module imports this.

mod principal;
mod secret;
mod token;

pub use principal::{Forbidden, OtherTenant, Principal};
pub use secret::{SECRET_LENGTH_MIN_BYTES, SecretTooShort, SigningSecret};
pub use token::{CLOCK_SKEW_MAX_S, TokenError, TokenPolicy, Tokens};
