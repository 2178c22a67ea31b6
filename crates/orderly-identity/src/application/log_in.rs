//! Logging in.

use orderly_contracts::Tenant;
use wharf::Failure;

use super::{
    Users,
    hashing::{HashingError, verify},
};
use crate::domain::{Email, User};

/// Why nobody was logged in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The address or the password is wrong; which of them is not said.
    #[error("the e-mail address or the password is wrong")]
    Refused,
    /// Trying again may help.
    #[error("users could not be read: {0}")]
    Failed(Failure),
    /// Trying again may help.
    #[error(transparent)]
    Hashing(#[from] HashingError),
}

/// The user with this address and password.
///
/// # Errors
/// [`LoginError::Refused`] for a wrong address and for a wrong password alike, after the same time.
pub async fn log_in(users: &dyn Users, tenant: &Tenant, email: &str, password: &str) -> Result<User, LoginError> {
    let user = match email.parse::<Email>() {
        Ok(email) => users.by_email(tenant, &email).await.map_err(LoginError::Failed)?,
        Err(_) => None,
    };
    let stored = user.as_ref().map(|user| user.password.clone());
    let matches = verify(password.to_owned(), stored).await?;
    user.filter(|_| matches).ok_or(LoginError::Refused)
}
