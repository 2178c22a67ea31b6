//! What the broker says, as an error of wharf's: with a code, and with what was attempted.

use lapin::ErrorKind;
use wharf::{Code, Error};

/// An error of the broker while `what` was attempted, such as `publish to the queue "payment"`.
pub(crate) fn failed(what: &str, error: lapin::Error) -> Error {
    let code = if is_answer(&error) { Code::ENGINE_FAILED } else { Code::ENGINE_UNREACHABLE };
    Error::new(code, format!("cannot {what}")).caused_by(error)
}

/// Whether the broker answered and did not like what was asked, rather than being away.
fn is_answer(error: &lapin::Error) -> bool {
    #[expect(clippy::wildcard_enum_match_arm, reason = "lapin may add kinds of errors; they are no answers")]
    match error.kind() {
        ErrorKind::ProtocolError(error) => matches!(error.kind(), lapin::protocol::AMQPErrorKind::Soft(_)),
        ErrorKind::SerialisationError(_) => true,
        _ => false,
    }
}
