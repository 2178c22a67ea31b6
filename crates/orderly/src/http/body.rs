//! Reads a JSON body, and says where it is not what was expected.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
};
use serde::de::DeserializeOwned;

use super::{
    limits::BODY_SIZE_MAX_BYTES,
    problem::{FieldError, Kind, Problem},
};

/// A body of JSON.
pub(super) struct Sent<T>(pub(super) T);

/// A body of JSON, or none.
pub(super) struct MaybeSent<T>(pub(super) Option<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        require_json(request.headers())?;
        let body = Bytes::from_request(request, state).await.map_err(|rejection| unreadable(&rejection))?;
        read(&body).map(Self)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for MaybeSent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = require_json(request.headers());
        let body = Bytes::from_request(request, state).await.map_err(|rejection| unreadable(&rejection))?;
        if body.is_empty() {
            return Ok(Self(None));
        }
        is_json?;
        read(&body).map(|value| Self(Some(value)))
    }
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let essence = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = essence.and_then(|text| text.split(';').next()).map(|text| text.trim().to_ascii_lowercase());
    match essence.as_deref() {
        Some("application/json") => Ok(()),
        Some(_) | None => Err(Problem::new(Kind::NotJson, "Send `content-type: application/json`.")),
    }
}

fn unreadable(rejection: &BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::new(Kind::BodyTooLarge, format!("A body has at most {BODY_SIZE_MAX_BYTES} bytes."));
    }
    Problem::new(Kind::MalformedBody, "The body did not arrive whole.")
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // A list would be taken for an object's values in order.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::new(Kind::MalformedBody, "The body is no JSON object."));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let (field, message) = (error.path().to_string(), error.inner().to_string());
        if error.inner().is_data() && field != "." {
            let error = FieldError { field, code: "wrong-shape", message };
            Problem::new(Kind::MalformedBody, "A field is not what is expected there.").with_errors(vec![error])
        } else {
            Problem::new(Kind::MalformedBody, format!("The body is not what is expected here: {message}."))
        }
    })?;
    match json.end() {
        Ok(()) => Ok(value),
        Err(error) => {
            Err(Problem::new(Kind::MalformedBody, format!("The body does not end where it should: {error}.")))
        }
    }
}
