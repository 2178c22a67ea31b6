//! What happens around every request: an id that follows it into the log and the messages it causes, a limit on its
//! time, one line in the log, and an answer even if we panic.

use std::{panic::AssertUnwindSafe, time::Duration};

use axum::{
    body::HttpBody,
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use tracing::Instrument;
use uuid::Uuid;
use wharf::Trail;

use super::{
    limits::REQUEST_DURATION_MAX_S,
    problem::{Kind, Problem},
};

const CORRELATION: HeaderName = HeaderName::from_static("x-correlation-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// RFC: version, trace id, parent id and flags, each of a fixed length.
const TRACEPARENT_LENGTH_BYTES: usize = 55;

/// The beginning of the trail that a request's messages continue.
#[derive(Debug, Clone)]
pub(super) struct Cause {
    correlation: Uuid,
    traceparent: Option<std::sync::Arc<str>>,
}

impl Cause {
    fn of(headers: &HeaderMap) -> Self {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        Self {
            correlation: text(&CORRELATION).and_then(|text| text.parse().ok()).unwrap_or_else(Uuid::now_v7),
            traceparent: text(&TRACEPARENT).filter(|text| text.len() == TRACEPARENT_LENGTH_BYTES).map(Into::into),
        }
    }

    /// The trail of what is sent on behalf of `actor`.
    pub(super) fn trail(self, actor: impl ToString) -> Trail {
        let mut trail = Trail::begin("orderly.http".into());
        trail.correlation = self.correlation;
        trail.traceparent = self.traceparent;
        trail.actor = Some(actor.to_string().into());
        trail
    }
}

pub(super) async fn around(mut request: Request, next: Next) -> Response {
    let cause = Cause::of(request.headers());
    let correlation = cause.correlation;
    request.extensions_mut().insert(cause);
    let method = request.method().clone();
    // The pattern, not the path: ids do not belong into names.
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let has_body = !request.body().is_end_stream();
    let span = tracing::info_span!("request", %method, route, %correlation);
    let begun = tokio::time::Instant::now();
    let answer = async {
        let most = Duration::from_secs(REQUEST_DURATION_MAX_S);
        let answer = AssertUnwindSafe(tokio::time::timeout(most, next.run(request))).catch_unwind().await;
        let mut response = match answer {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => Problem::new(Kind::TooSlow, "The request was given up; try again.").into_response(),
            Err(_) => Problem::ours(&"a panic").into_response(),
        };
        if let Ok(value) = HeaderValue::from_str(&correlation.to_string()) {
            response.headers_mut().insert(CORRELATION, value);
        }
        if has_body && !response.status().is_success() {
            // Whoever refuses a request may not have read it, and what is still on its way would be taken for the next
            // one. The connection ends; the client is told, so that it sends nothing more on it.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        tracing::debug!(status = response.status().as_u16(), took = ?begun.elapsed(), "answered");
        response
    };
    answer.instrument(span).await
}
