//! The message itself, parsed.

use crate::{
    Code, Error, Message,
    context::Context,
    failure::{Failure, Verdict},
};

/// The message of this delivery; a handler's first parameter.
#[derive(Debug, Clone, Copy)]
pub struct Msg<M>(pub M);

/// Parses the body, lifted to today's version if it is older. One that does not parse never will, so it is dead-lettered
/// at once.
pub(crate) fn read<M: Message>(context: &Context) -> Result<M, Failure> {
    let (envelope, body) = (&context.delivery.envelope, &context.delivery.body);
    let unreadable = |error| {
        let error = Error::new(Code::BODY_UNREADABLE, format!("the body is no `{}`", envelope.name)).caused_by(error);
        Failure::coded(Verdict::DeadLetter, error)
    };
    if envelope.version >= M::VERSION {
        return serde_json::from_str(body).map_err(unreadable);
    }
    let mut lifted = serde_json::from_str(body).map_err(unreadable)?;
    for version in envelope.version..M::VERSION {
        lifted = M::upcast(version, lifted).ok_or_else(|| {
            let message = format!("no upcaster lifts `{}` from version {version} to {}", envelope.name, version + 1);
            Failure::coded(Verdict::DeadLetter, Error::new(Code::MESSAGE_UNKNOWN, message))
        })?;
    }
    serde_json::from_value(lifted).map_err(unreadable)
}
