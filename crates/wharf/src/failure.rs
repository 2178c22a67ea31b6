//! A handler's answer when it did not succeed: retry, later, or never.

use std::{error::Error as StdError, fmt, time::Duration};

use crate::{Code, Error, error::chain};

/// What a handler returns: nothing, or messages to publish; an error is a verdict.
pub type Result<T = (), E = Failure> = std::result::Result<T, E>;

/// Why a handler did not succeed, and what is to happen with the delivery.
///
/// Any error becomes one through `?` and then means *retry*. [`permanent`](Permanent::permanent) says *dead-letter now*,
/// [`snooze`] says *later, and it costs no attempt*. As with `anyhow::Error`, it is not itself a `std` error.
pub struct Failure {
    verdict: Verdict,
    code: Code,
    source: Box<dyn StdError + Send + Sync>,
}

/// What is to happen with a delivery whose handler failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Try again as the endpoint's policy says.
    Retry,
    /// Trying again cannot help.
    DeadLetter,
    /// Come back after this long. Costs no attempt.
    Snooze(Duration),
}

/// Come back later; this costs no attempt. `return Err(snooze(Duration::from_secs(30)))`.
pub fn snooze(delay: Duration) -> Failure {
    Failure { verdict: Verdict::Snooze(delay), code: Code::HANDLER_FAILED, source: "snoozed".into() }
}

impl Failure {
    /// A failure in words, to be retried.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::Retry, code: Code::HANDLER_FAILED, source: reason.into().into() }
    }

    /// A failure in words that trying again cannot mend.
    pub fn dead_letter(reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::DeadLetter, code: Code::PERMANENT, source: reason.into().into() }
    }

    /// The message may not be handled, now or ever: `W0080`. What a [`Guard`](crate::Guard) says.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::DeadLetter, code: Code::REFUSED, source: reason.into().into() }
    }

    /// What is to happen.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// The code a dead letter will carry.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The error below, when it is of type `E`.
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        self.source.downcast_ref()
    }

    pub(crate) fn coded(verdict: Verdict, error: Error) -> Self {
        Self { verdict, code: error.code(), source: Box::new(error) }
    }

    /// The error below.
    pub(crate) fn error(&self) -> &(dyn StdError + 'static) {
        &*self.source
    }

    /// The failure of a run that is to count for nothing.
    pub(crate) fn of_sharing(self) -> Self {
        let error = Error::new(Code::SHARED_COMMIT_LOST, "the handler met another's locks");
        Self::coded(Verdict::Retry, error.caused_by(self.source))
    }

    /// The failure of a handler whose work a person no longer wants: it was dropped, or heard of that and gave up.
    pub(crate) fn of_cancelling(self) -> Self {
        let error = Error::new(Code::CANCELLED, "a person cancelled the message while it was handled");
        Self::coded(Verdict::DeadLetter, error.caused_by(self.source))
    }

    pub(crate) fn made_permanent(mut self) -> Self {
        self.verdict = Verdict::DeadLetter;
        if self.code == Code::HANDLER_FAILED {
            self.code = Code::PERMANENT;
        }
        self
    }

    /// The error and its causes in one line.
    pub fn chain(&self) -> String {
        chain(self.source.as_ref())
    }
}

impl<E: Into<Box<dyn StdError + Send + Sync>> + StdError> From<E> for Failure {
    fn from(error: E) -> Self {
        let source: Box<dyn StdError + Send + Sync> = error.into();
        let code = source.downcast_ref::<Error>().map_or(Code::HANDLER_FAILED, Error::code);
        Self { verdict: Verdict::Retry, code, source }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} [{}]: {}", self.verdict, self.code, self.chain())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.chain())
    }
}

/// Says of an error that trying again cannot help: `parse(&text).permanent()?`.
pub trait Permanent<T> {
    /// Dead-letter now instead of retrying.
    fn permanent(self) -> Result<T>;
}

impl<T, E: Into<Failure>> Permanent<T> for std::result::Result<T, E> {
    fn permanent(self) -> Result<T> {
        self.map_err(|error| error.into().made_permanent())
    }
}
