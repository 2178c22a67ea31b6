//! What a job returns: the result that its history keeps.

use std::{future::Future, sync::Arc};

use futures_util::future::BoxFuture;
use serde::Serialize;

use crate::failure::{Failure, Result};

/// What an `async` job returns: a future, which any thread may go on with, of a [`Result`](crate::Result). What is in it is
/// kept as JSON.
#[diagnostic::on_unimplemented(
    message = "a job cannot return `{Self}`",
    label = "not an `async fn` that returns `wharf::Result`",
    note = "a job is an `async fn` that returns `wharf::Result` of `()` or of anything that serde can write",
    note = "a function that is not `async` is made one by `wharf::blocking`"
)]
pub trait JobAnswer: Send + 'static {
    /// Its result as JSON; `None` where it returns nothing.
    #[doc(hidden)]
    fn result(self) -> BoxFuture<'static, Result<Option<Arc<str>>>>;
}

impl<F, R, E> JobAnswer for F
where
    F: Future<Output = Result<R, E>> + Send + 'static,
    R: Serialize,
    E: Into<Failure>,
{
    fn result(self) -> BoxFuture<'static, Result<Option<Arc<str>>>> {
        Box::pin(async move {
            let result = serde_json::to_string(&self.await.map_err(Into::into)?)
                .map_err(|error| Failure::dead_letter(format!("the job's result cannot be written: {error}")))?;
            Ok(if result == "null" { None } else { Some(Arc::from(result)) })
        })
    }
}
