//! What went wrong, told as RFC 9457 asks: one type for each kind of mistake, stable for programs, in words for people.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use wharf::{Code, Failure, Verdict};

use super::limits::RETRY_AFTER_S;

/// A refusal or a failure, as the client sees it.
#[derive(Debug)]
pub(super) struct Problem {
    kind: Kind,
    detail: String,
    errors: Vec<FieldError>,
}

/// What is wrong with one field.
#[derive(Debug, Serialize)]
pub(super) struct FieldError {
    /// A path into the request: `items[3].quantity`.
    pub(super) field: String,
    /// Stable, for programs.
    pub(super) code: &'static str,
    /// One sentence, for people.
    pub(super) message: String,
}

/// Every kind of problem there is. Clients decide by [`Kind::code`], which never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    MalformedBody,
    InvalidQuery,
    LogInRefused,
    TokenMissing,
    TokenExpired,
    TokenInvalid,
    Forbidden,
    UnknownRoute,
    UnknownOrder,
    UnknownProduct,
    MethodNotAllowed,
    PriceChanged,
    ReferenceTaken,
    BelowReserved,
    NoLongerCancellable,
    NotReturnable,
    BodyTooLarge,
    NotJson,
    InvalidOrder,
    InvalidRequest,
    Unavailable,
    TooSlow,
    OurMistake,
}

impl Kind {
    const fn told(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::MalformedBody => (StatusCode::BAD_REQUEST, "malformed-body", "The body cannot be read"),
            Self::InvalidQuery => (StatusCode::BAD_REQUEST, "invalid-query", "The query cannot be read"),
            Self::LogInRefused => (StatusCode::UNAUTHORIZED, "log-in-refused", "Nobody was logged in"),
            Self::TokenMissing => (StatusCode::UNAUTHORIZED, "token-missing", "A token is needed"),
            Self::TokenExpired => (StatusCode::UNAUTHORIZED, "token-expired", "The token has expired"),
            Self::TokenInvalid => (StatusCode::UNAUTHORIZED, "token-invalid", "The token is not accepted"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "This is not for you"),
            Self::UnknownRoute => (StatusCode::NOT_FOUND, "unknown-route", "There is nothing here"),
            Self::UnknownOrder => (StatusCode::NOT_FOUND, "unknown-order", "There is no such order"),
            Self::UnknownProduct => (StatusCode::NOT_FOUND, "unknown-product", "There is no such product"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The method does not fit"),
            Self::PriceChanged => (StatusCode::CONFLICT, "price-changed", "Prices have changed"),
            Self::ReferenceTaken => (StatusCode::CONFLICT, "reference-taken", "The reference is taken"),
            Self::BelowReserved => (StatusCode::CONFLICT, "below-reserved", "More is held for orders"),
            Self::NoLongerCancellable => {
                (StatusCode::CONFLICT, "no-longer-cancellable", "It is too late to cancel this order")
            }
            Self::NotReturnable => (StatusCode::CONFLICT, "not-returnable", "Nothing of this order can come back"),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "The body is too large"),
            Self::NotJson => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json", "JSON is needed"),
            Self::InvalidOrder => (StatusCode::UNPROCESSABLE_ENTITY, "invalid-order", "The order breaks rules"),
            Self::InvalidRequest => (StatusCode::UNPROCESSABLE_ENTITY, "invalid-request", "The request breaks rules"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not now"),
            Self::TooSlow => (StatusCode::SERVICE_UNAVAILABLE, "too-slow", "This took too long"),
            Self::OurMistake => (StatusCode::INTERNAL_SERVER_ERROR, "our-mistake", "This went wrong on our side"),
        }
    }
}

impl Problem {
    pub(super) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new() }
    }

    pub(super) fn with_errors(self, errors: Vec<FieldError>) -> Self {
        Self { errors, ..self }
    }

    /// Logs what went wrong on our side, once, and keeps it from the client.
    pub(super) fn ours(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(Kind::OurMistake, "It is logged under the correlation id of this answer.")
    }

    /// The same for what trying again may mend.
    fn passing(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request could not be served for now");
        Self::new(Kind::Unavailable, "The database does not answer. Nothing was saved; try again.")
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        if failure.verdict() == Verdict::DeadLetter { Self::ours(&failure) } else { Self::passing(&failure) }
    }
}

impl From<wharf::Error> for Problem {
    fn from(error: wharf::Error) -> Self {
        let passing = [Code::ENGINE_UNREACHABLE, Code::ENGINE_FAILED, Code::DISK_FULL, Code::TRANSACTION_LOST];
        if passing.contains(&error.code()) { Self::passing(&error.chain()) } else { Self::ours(&error.chain()) }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code, title) = self.kind.told();
        let body = Body {
            r#type: format!("urn:orderly:problem:{code}"),
            title,
            status: status.as_u16(),
            detail: &self.detail,
            errors: &self.errors,
        };
        let mut response = (status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self.kind {
            Kind::TokenMissing | Kind::LogInRefused => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Kind::TokenExpired | Kind::TokenInvalid => {
                let challenge = HeaderValue::from_static(r#"Bearer error="invalid_token""#);
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            Kind::Unavailable | Kind::TooSlow => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
            }
            Kind::MalformedBody
            | Kind::InvalidQuery
            | Kind::Forbidden
            | Kind::UnknownRoute
            | Kind::UnknownOrder
            | Kind::UnknownProduct
            | Kind::MethodNotAllowed
            | Kind::PriceChanged
            | Kind::ReferenceTaken
            | Kind::BelowReserved
            | Kind::NoLongerCancellable
            | Kind::NotReturnable
            | Kind::BodyTooLarge
            | Kind::NotJson
            | Kind::InvalidOrder
            | Kind::InvalidRequest
            | Kind::OurMistake => {}
        }
        response
    }
}
