//! `orderly verify`: proves the invariants over what is in the database. Changes nothing, and may run beside a worker.

use std::process::ExitCode;

use orderly_infrastructure::audit;

use crate::{answer::show, app, command_line::VerifyArgs, config::Config, exit::FOUND_WRONG};

pub(crate) async fn run(args: &VerifyArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let report = audit::audit(&app::settings(config)).await?;
    show(&report, args.json)?;
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::from(FOUND_WRONG) })
}
