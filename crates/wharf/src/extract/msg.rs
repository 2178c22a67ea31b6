//! The message itself, parsed.

use crate::{
    Code, Error, Message,
    context::Context,
    failure::{Failure, Verdict},
};

/// The message of this delivery; a handler's first parameter.
#[derive(Debug, Clone, Copy)]
pub struct Msg<M>(pub M);

/// Parses the body. One that does not parse never will, so it is dead-lettered at once.
pub(crate) fn read<M: Message>(context: &Context) -> Result<M, Failure> {
    serde_json::from_str(&context.delivery.body).map_err(|error| {
        let name = &context.delivery.envelope.name;
        let error = Error::new(Code::BODY_UNREADABLE, format!("the body is no `{name}`")).caused_by(error);
        Failure::coded(Verdict::DeadLetter, error)
    })
}
