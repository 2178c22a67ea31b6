//! Tokens: a [`Principal`] as text that only we can have written. JWT signed with HS256, and nothing else is read.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use orderly_contracts::{CustomerId, Role, Tenant};
use serde::{Deserialize, Serialize};

use crate::{Principal, SigningSecret};

/// How far in our future a token may say that it was issued: the clocks of several servers differ by that much.
pub const CLOCK_SKEW_MAX_S: i64 = 60;

/// Who writes tokens, for whom, and for how long they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenPolicy {
    pub issuer: String,
    pub audience: String,
    pub lifetime_s: i64,
}

/// Issues and verifies tokens. Time is passed in, in Unix seconds.
pub struct Tokens {
    policy: TokenPolicy,
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
}

impl Tokens {
    pub fn new(secret: &SigningSecret, policy: TokenPolicy) -> Self {
        // The list of algorithms is what keeps `none` and other people's keys out.
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["sub", "exp", "iss", "aud"]);
        validation.set_issuer(&[&policy.issuer]);
        validation.set_audience(&[&policy.audience]);
        // The library would ask the system's clock; `verify` asks the caller's.
        validation.validate_exp = false;
        Self {
            signing: EncodingKey::from_secret(secret.as_bytes()),
            verifying: DecodingKey::from_secret(secret.as_bytes()),
            validation,
            policy,
        }
    }

    /// # Errors
    ///
    /// [`TokenError::NotSigned`], which no well-formed principal causes.
    pub fn issue(&self, principal: &Principal, now_s: i64) -> Result<String, TokenError> {
        let claims = Claims {
            sub: principal.id.to_string(),
            email: principal.email.clone(),
            role: principal.role,
            tenant: principal.tenant.clone(),
            iat: now_s,
            exp: now_s.saturating_add(self.policy.lifetime_s),
            iss: self.policy.issuer.clone(),
            aud: self.policy.audience.clone(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing).map_err(|_| TokenError::NotSigned)
    }

    /// Who the token speaks for. It holds until its expiry, that second excluded.
    ///
    /// # Errors
    ///
    /// [`TokenError`]. A client learns no more than that its token is not accepted, unless it merely expired.
    pub fn verify(&self, token: &str, now_s: i64) -> Result<Principal, TokenError> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verifying, &self.validation).map_err(refused)?.claims;
        if now_s >= claims.exp {
            return Err(TokenError::Expired);
        }
        if claims.iat > now_s.saturating_add(CLOCK_SKEW_MAX_S) {
            return Err(TokenError::FromTheFuture);
        }
        let id = claims.sub.parse().map(CustomerId).map_err(|_| TokenError::Malformed)?;
        Ok(Principal { id, email: claims.email, role: claims.role, tenant: claims.tenant })
    }
}

/// What stands in a token. Times are Unix seconds.
#[derive(Serialize, Deserialize)]
struct Claims {
    /// The user's id; RFC 7519 wants it as text.
    sub: String,
    email: String,
    role: Role,
    tenant: Tenant,
    iat: i64,
    exp: i64,
    iss: String,
    aud: String,
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a foreign enum that may grow; all that is not told apart is malformed"
)]
fn refused(error: jsonwebtoken::errors::Error) -> TokenError {
    match error.into_kind() {
        ErrorKind::InvalidSignature => TokenError::WrongSignature,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => TokenError::WrongAlgorithm,
        ErrorKind::InvalidAudience => TokenError::WrongAudience,
        ErrorKind::InvalidIssuer => TokenError::WrongIssuer,
        _ => TokenError::Malformed,
    }
}

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    #[error("the token has expired; log in again")]
    Expired,
    #[error("the token was issued in the future")]
    FromTheFuture,
    #[error("the token was signed with another key")]
    WrongSignature,
    #[error("the token was signed in another way than HS256")]
    WrongAlgorithm,
    #[error("the token is meant for another audience")]
    WrongAudience,
    #[error("the token comes from another issuer")]
    WrongIssuer,
    #[error("the token is malformed")]
    Malformed,
    #[error("the token could not be signed")]
    NotSigned,
}

impl TokenError {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Expired => "token-expired",
            Self::FromTheFuture => "token-from-the-future",
            Self::WrongSignature => "token-wrong-signature",
            Self::WrongAlgorithm => "token-wrong-algorithm",
            Self::WrongAudience => "token-wrong-audience",
            Self::WrongIssuer => "token-wrong-issuer",
            Self::Malformed => "token-malformed",
            Self::NotSigned => "token-not-signed",
        }
    }
}

/// Without its keys.
impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("policy", &self.policy).finish_non_exhaustive()
    }
}
