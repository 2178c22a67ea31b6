//! What can go wrong in wharf itself: a code, a sentence, a cause.

use std::error::Error as StdError;

use crate::Code;

/// An error of the library or of an engine. Handlers answer with [`Failure`](crate::Failure) instead.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Error {
    code: Code,
    message: String,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error without a cause below it.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), source: None }
    }

    /// Adds what caused it.
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The error and its causes in one line, as a log shows it.
    pub fn chain(&self) -> String {
        chain(self)
    }

    /// The stable code; [`Code::help`](Code) says what to do.
    pub fn code(&self) -> Code {
        self.code
    }
}

/// An error and everything below it, outermost first: what a log line or a dead letter shows.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
