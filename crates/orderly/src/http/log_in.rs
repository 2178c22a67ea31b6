//! `POST /api/auth/login`: an address and a password in, a token out.

use axum::{Json, extract::State};
use orderly_contracts::Tenant;
use orderly_identity::LoginError;
use orderly_security::Principal;
use serde::{Deserialize, Serialize};

use super::{
    Shop,
    body::Sent,
    limits::TOKEN_LIFETIME_S,
    problem::{Kind, Problem},
};

#[derive(Deserialize)]
pub(super) struct LogIn {
    email: String,
    password: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LoggedIn {
    token: String,
    token_type: &'static str,
    /// Seconds.
    expires_in: i64,
    user_id: i64,
    role: &'static str,
}

pub(super) async fn log_in(
    State(shop): State<Shop>,
    Sent(LogIn { email, password }): Sent<LogIn>,
) -> Result<Json<LoggedIn>, Problem> {
    let tenant = Tenant::default();
    let user = {
        let _permit = shop.log_ins.acquire().await.map_err(|closed| Problem::ours(&closed))?;
        orderly_identity::log_in(shop.infrastructure.users.as_ref(), &tenant, &email, &password).await?
    };
    let principal = Principal { id: user.id, email: user.email.as_str().to_owned(), role: user.role, tenant };
    let token = shop.tokens.issue(&principal, shop.now_s()).map_err(|error| Problem::ours(&error))?;
    Ok(Json(LoggedIn {
        token,
        token_type: "Bearer",
        expires_in: TOKEN_LIFETIME_S,
        user_id: user.id.0,
        role: user.role.as_str(),
    }))
}

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Refused => Self::new(Kind::LogInRefused, "The e-mail address or the password is wrong."),
            LoginError::Failed(failure) => failure.into(),
            LoginError::Hashing(error) => Self::ours(&error),
        }
    }
}
