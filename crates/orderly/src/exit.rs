//! Exit codes: 0 good, 1 the work found something wrong, 2 usage, configuration or input that cannot be read.

use std::process::ExitCode;

use orderly_infrastructure::ConnectError;

use crate::config::Problems;

/// The work found something wrong.
pub(crate) const FOUND_WRONG: u8 = 1;
/// Usage, configuration, or input that cannot be read: nothing was begun.
pub(crate) const UNUSABLE: u8 = 2;

/// What the program was given cannot be used, in words that say what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unusable(pub(crate) String);

/// Says why the program ends, and chooses its code.
#[expect(clippy::print_stderr, reason = "the program's last word is for people, not for the log")]
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("orderly: {error:#}");
    let unusable = error.is::<Problems>() || error.is::<ConnectError>() || error.is::<Unusable>();
    ExitCode::from(if unusable { UNUSABLE } else { FOUND_WRONG })
}
