//! Who may log in, and where customers are written to.

use async_trait::async_trait;
use orderly_contracts::{CustomerId, Role, Tenant, identity::Customers};
use orderly_identity::{
    Users,
    domain::{Email, PasswordHash, User},
};
use sqlx::FromRow;
use wharf::{Result, Tx};

use super::{Adapters, connection};

#[derive(FromRow)]
struct UserRow {
    id: i64,
    email: String,
    role: String,
    password_hash: String,
}

const BY_EMAIL: &str = "
SELECT id, email, role, password_hash FROM users WHERE tenant = $1 AND email = $2";

const EMAIL: &str = "SELECT email FROM users WHERE tenant = $1 AND id = $2";

const ADD: &str = sql!("
INSERT INTO users (tenant, email, role, password_hash, created_at) VALUES ($2, $3, $4, $5, " now ")
ON CONFLICT (tenant, email) DO NOTHING
RETURNING id");

#[async_trait]
impl Users for Adapters {
    async fn by_email(&self, tenant: &Tenant, email: &Email) -> Result<Option<User>> {
        let query = sqlx::query_as(BY_EMAIL).bind(tenant.as_str()).bind(email.as_str());
        let found: Option<UserRow> = query.fetch_optional(&self.pool).await?;
        found.map(UserRow::read).transpose()
    }

    async fn add(&self, tx: &mut Tx, email: &Email, role: Role, password: &PasswordHash) -> Result<Option<CustomerId>> {
        let tenant = tx.tenant();
        let query = sqlx::query_scalar(ADD)
            .bind(self.now())
            .bind(tenant.as_str())
            .bind(email.as_str())
            .bind(role.as_str())
            .bind(password.as_str());
        let id: Option<i64> = query.fetch_optional(connection(tx).await?).await?;
        Ok(id.map(CustomerId))
    }
}

#[async_trait]
impl Customers for Adapters {
    async fn email_of(&self, tenant: &Tenant, customer: CustomerId) -> Result<Option<String>> {
        let query = sqlx::query_scalar(EMAIL).bind(tenant.as_str()).bind(customer.0);
        Ok(query.fetch_optional(&self.pool).await?)
    }
}

impl UserRow {
    fn read(self) -> Result<User> {
        Ok(User {
            id: CustomerId(self.id),
            email: self.email.parse()?,
            role: self.role.parse()?,
            password: PasswordHash::from_stored(self.password_hash),
        })
    }
}
