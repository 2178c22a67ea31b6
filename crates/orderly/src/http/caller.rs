//! Who is asking: the principal of the request's token.

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use orderly_contracts::{CustomerId, Role};
use orderly_security::{Principal, TokenError};

use super::{
    Shop,
    problem::{Kind, Problem},
};

/// Somebody with a token that we issued.
pub(super) struct Caller(pub(super) Principal);

impl FromRequestParts<Shop> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shop: &Shop) -> Result<Self, Problem> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token =
            header.and_then(|text| text.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = token else {
            return Err(Problem::new(
                Kind::TokenMissing,
                "Log in with POST /api/auth/login and send `authorization: Bearer TOKEN`.",
            ));
        };
        shop.tokens.verify(token.trim(), shop.now_s()).map(Self).map_err(|error| {
            // More than that it expired is nobody's business but ours.
            tracing::debug!(code = error.code(), "a token was refused");
            if error == TokenError::Expired {
                Problem::new(Kind::TokenExpired, "Log in again with POST /api/auth/login.")
            } else {
                Problem::new(Kind::TokenInvalid, "Log in with POST /api/auth/login and send the token it returns.")
            }
        })
    }
}

impl Caller {
    /// Whose things the caller may see: only its own, or everybody's.
    pub(super) fn only_of(&self) -> Option<CustomerId> {
        match self.0.role {
            Role::Admin | Role::Staff => None,
            Role::Customer => Some(self.0.id),
        }
    }

    /// Refuses everybody but admins.
    pub(super) fn require_admin(&self) -> Result<(), Problem> {
        let guard = self.0.require_any(&[Role::Admin]);
        guard.map_err(|_| Problem::new(Kind::Forbidden, "Only admins may see this."))
    }

    /// Refuses everybody but admins and staff.
    pub(super) fn require_staff(&self) -> Result<(), Problem> {
        let guard = self.0.require_any(&[Role::Admin, Role::Staff]);
        guard.map_err(|_| Problem::new(Kind::Forbidden, "Only admins and staff may see this."))
    }
}

impl Shop {
    /// Unix time in seconds, by the worker's clock.
    pub(super) fn now_s(&self) -> i64 {
        self.client.now().as_micros() / 1_000_000
    }
}
