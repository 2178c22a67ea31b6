//! Pages: a cursor and a limit in, a list and the address of the next page out.

use axum::{
    extract::{FromRequestParts, Query, rejection::QueryRejection},
    http::request::Parts,
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    limits::{PAGE_DEFAULT_ROWS, PAGE_MAX_ROWS},
    problem::{FieldError, Kind, Problem},
};

/// What stands behind the `?`.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(unreadable(&rejection)),
        }
    }
}

/// How many rows a page has.
pub(super) fn rows(limit: Option<u32>) -> Result<u32, Problem> {
    match limit.unwrap_or(PAGE_DEFAULT_ROWS) {
        rows @ 1..=PAGE_MAX_ROWS => Ok(rows),
        rows => Err(refused("limit", format!("A page has 1 to {PAGE_MAX_ROWS} rows, not {rows}."))),
    }
}

/// The rejection's text ends in `parameter: what is wrong with it`.
fn unreadable(rejection: &QueryRejection) -> Problem {
    let text = rejection.body_text();
    let mut parts = text.rsplitn(3, ": ");
    match (parts.next(), parts.next()) {
        (Some(message), Some(field)) => refused(field, format!("This is not what is expected: {message}.")),
        (_, None) | (None, _) => Problem::new(Kind::InvalidQuery, text),
    }
}

/// A query parameter that is not one of its values.
pub(super) fn refused(field: &str, message: String) -> Problem {
    let error = FieldError { field: field.to_owned(), code: "not-allowed", message };
    Problem::new(Kind::InvalidQuery, "A parameter of the query is not allowed.").with_errors(vec![error])
}

/// A list, and where it goes on.
#[derive(Serialize)]
pub(super) struct Page<T> {
    items: Vec<T>,
    /// The address of the next page; null on the last one.
    next: Option<String>,
}

impl<T> Page<T> {
    /// One page out of `found`, of which `rows` were asked for and one more, to know whether there is more. `next` gives
    /// the address of the page after an item.
    pub(super) fn of<V>(mut found: Vec<V>, rows: u32, next: impl FnOnce(&V) -> String, item: impl Fn(V) -> T) -> Self {
        let rows = rows as usize;
        let has_more = found.len() > rows;
        found.truncate(rows);
        let next = found.last().filter(|_| has_more).map(next);
        Self { items: found.into_iter().map(item).collect(), next }
    }

    /// All there is.
    pub(super) fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}
