//! What identity answers.

use async_trait::async_trait;

use crate::{CustomerId, Tenant};

/// Who customers are.
#[async_trait]
pub trait Customers: Send + Sync {
    /// The address that a customer gave; `None` of one who has no account, as [`CustomerId::WALK_IN`].
    async fn email_of(&self, tenant: &Tenant, customer: CustomerId) -> wharf::Result<Option<String>>;
}
