//! What the broker says, as an error of wharf's: with a code, and with what was attempted.

use std::io;

use lapin::{
    ErrorKind,
    protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError},
};
use wharf::{Code, Error};

/// An error of the broker while `what` was attempted, such as `publish to the queue "payment"`.
pub(crate) fn failed(what: &str, error: lapin::Error) -> Error {
    let code = match refusal(&error) {
        // Only what it said to one request; a connection that it ended can be made anew.
        Some(AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED)) => Code::BROKER_RIGHTS_MISSING,
        Some(AMQPErrorKind::Soft(_)) => Code::ENGINE_FAILED,
        None if matches!(error.kind(), ErrorKind::SerialisationError(_)) => Code::ENGINE_FAILED,
        Some(AMQPErrorKind::Hard(_)) | None => Code::ENGINE_UNREACHABLE,
    };
    Error::new(code, format!("cannot {what}")).caused_by(error)
}

/// An error of the broker while it was connected to, as `cannot connect to …`. The code tells whether trying again may
/// help: [`heals`].
pub(crate) fn not_connected(what: String, error: lapin::Error) -> Error {
    Error::new(why_not_connected(&error), what).caused_by(error)
}

/// Whether what kept us from connecting may pass by itself.
pub(crate) fn heals(error: &Error) -> bool {
    error.code() == Code::ENGINE_UNREACHABLE
}

/// What an error says without its code, for an error of the same code that says it again.
pub(crate) fn told(error: &Error) -> String {
    let chain = error.chain();
    chain.strip_prefix(&format!("{}: ", error.code())).map_or_else(|| chain.clone(), str::to_owned)
}

fn why_not_connected(error: &lapin::Error) -> Code {
    if let Some(kind) = refusal(error) {
        return match kind {
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => Code::BROKER_LOGIN_REFUSED,
            // A full house answers so, too, and a virtual host that is just starting.
            AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED | AMQPHardError::INVALIDPATH) if !is_full(error) => {
                Code::BROKER_VHOST_REFUSED
            }
            AMQPErrorKind::Soft(_) | AMQPErrorKind::Hard(_) => Code::ENGINE_UNREACHABLE,
        };
    }
    #[expect(clippy::wildcard_enum_match_arm, reason = "what else goes wrong on the way may pass")]
    match error.kind() {
        ErrorKind::InvalidProtocolVersion(_) | ErrorKind::ParsingError(_) => Code::BROKER_UNFIT,
        // TLS says so of what it cannot make sense of, or does not trust.
        ErrorKind::IOError(error) if error.kind() == io::ErrorKind::InvalidData => Code::BROKER_TLS_UNFIT,
        _ => Code::ENGINE_UNREACHABLE,
    }
}

fn is_full(error: &lapin::Error) -> bool {
    error.to_string().contains("limit")
}

/// What the broker answered, if it did not like what was asked, rather than being away.
fn refusal(error: &lapin::Error) -> Option<&AMQPErrorKind> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "lapin may add kinds of errors; they are no answers")]
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.kind()),
        _ => None,
    }
}
