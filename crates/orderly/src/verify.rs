//! `orderly verify`: proves the invariants over what is in the database. Changes nothing, and may run beside a worker.

use std::process::ExitCode;

use orderly_infrastructure::audit;

use crate::{app, command_line::VerifyArgs, config::Config, exit::FOUND_WRONG};

#[expect(clippy::print_stdout, reason = "this is the command's answer")]
pub(crate) async fn run(args: &VerifyArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let report = audit::audit(&app::settings(config)).await?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{report}");
    }
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::from(FOUND_WRONG) })
}
