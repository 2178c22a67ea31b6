//! Making a user.

use orderly_contracts::{CustomerId, Role};
use wharf::{Failure, Tx};

use super::{
    Users,
    hashing::{HashingError, hash},
};
use crate::domain::{Email, Password};

/// Why no user was made.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// Trying again may help.
    #[error("the user could not be saved: {0}")]
    Failed(Failure),
    /// Trying again may help.
    #[error(transparent)]
    Hashing(#[from] HashingError),
}

/// Makes a user. `None` when the address is taken. The caller commits.
///
/// # Errors
/// When the password could not be hashed or the user not be saved.
pub async fn register(
    users: &dyn Users,
    tx: &mut Tx,
    email: &Email,
    role: Role,
    password: Password,
) -> Result<Option<CustomerId>, RegisterError> {
    let password = hash(password).await?;
    users.add(tx, email, role, &password).await.map_err(RegisterError::Failed)
}
