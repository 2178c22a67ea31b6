//! Who is asking: known by a token, and asked what it may do before anything is done.

use std::fmt;

use orderly_contracts::{CustomerId, Role, Tenant};

/// Somebody whose token was verified.
#[derive(Clone, PartialEq, Eq)]
pub struct Principal {
    /// The user, which is the customer of the orders it places.
    pub id: CustomerId,
    pub email: String,
    pub role: Role,
    pub tenant: Tenant,
}

impl Principal {
    /// The role guard: one of `roles`, or nothing.
    ///
    /// # Errors
    ///
    /// [`Forbidden`].
    pub fn require_any(&self, roles: &[Role]) -> Result<(), Forbidden> {
        if roles.contains(&self.role) { Ok(()) } else { Err(Forbidden { role: self.role }) }
    }

    /// The tenant guard. Across tenants nothing exists, so answer as if it did not.
    ///
    /// # Errors
    ///
    /// [`OtherTenant`].
    pub fn require_tenant(&self, tenant: &Tenant) -> Result<(), OtherTenant> {
        if self.tenant == *tenant { Ok(()) } else { Err(OtherTenant) }
    }

    /// Admins and staff see what belongs to any customer of their tenant; a customer sees only its own.
    pub fn may_see_what_belongs_to(&self, customer: CustomerId) -> bool {
        match self.role {
            Role::Admin | Role::Staff => true,
            Role::Customer => self.id == customer,
        }
    }
}

/// Without the address: what is logged with `{:?}` must not name a person.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("id", &self.id)
            .field("role", &self.role)
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}

/// The role may not do this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the role {role} may not do this")]
pub struct Forbidden {
    pub role: Role,
}

/// What was asked for belongs to another tenant. Shown to nobody: the answer is that it was not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this belongs to another tenant")]
pub struct OtherTenant;
