//! Who may log in, and as what.

use orderly_contracts::{CustomerId, Role};

use super::{Email, PasswordHash};

/// A user. Its id is the customer's id of the orders it places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: CustomerId,
    pub email: Email,
    pub role: Role,
    pub password: PasswordHash,
}
