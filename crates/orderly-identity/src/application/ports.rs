//! What the identity module asks of the world.

use async_trait::async_trait;
use orderly_contracts::{CustomerId, Role, Tenant};
use wharf::{Result, Tx};

use crate::domain::{Email, PasswordHash, User};

/// Where users are kept.
#[async_trait]
pub trait Users: Send + Sync {
    /// The user with this address.
    async fn by_email(&self, tenant: &Tenant, email: &Email) -> Result<Option<User>>;

    /// Writes a user. `None` when the address is taken.
    async fn add(&self, tx: &mut Tx, email: &Email, role: Role, password: &PasswordHash) -> Result<Option<CustomerId>>;
}
