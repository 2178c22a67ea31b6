//! What a command answers: its result on stdout, and beside it, on stderr, what people should know.

use std::fmt::Display;

use orderly_infrastructure::audit::AuditReport;
use serde::Serialize;

/// Prints a result, as one JSON object or as people read it.
#[expect(clippy::print_stdout, reason = "this is the command's answer")]
pub(crate) fn show(result: &(impl Serialize + Display), as_json: bool) -> anyhow::Result<()> {
    if as_json {
        println!("{}", serde_json::to_string(result)?);
    } else {
        print!("{result}");
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "what is wrong is for people, beside the answer")]
pub(crate) fn tell(sentence: &str) {
    eprintln!("orderly: {sentence}");
}

/// Tells every invariant that does not hold.
pub(crate) fn tell_violations(audited: &AuditReport) {
    for violation in &audited.violations {
        tell(&format!("{} does not hold: {}", violation.invariant, violation.detail));
    }
}
