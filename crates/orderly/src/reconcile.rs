//! `orderly reconcile`: compares what the records say of the same things. Changes nothing, and may run beside a worker.

use std::process::ExitCode;

use orderly_infrastructure::reconciliation;

use crate::{app, command_line::ReconcileArgs, config::Config, exit::FOUND_WRONG};

#[expect(clippy::print_stdout, reason = "this is the command's answer")]
pub(crate) async fn run(args: &ReconcileArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let report = reconciliation::reconcile(&app::settings(config)).await?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{report}");
    }
    Ok(if report.agrees() { ExitCode::SUCCESS } else { ExitCode::from(FOUND_WRONG) })
}
