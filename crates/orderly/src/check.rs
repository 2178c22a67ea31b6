//! `orderly check`: validates the configuration without starting anything.

use std::process::ExitCode;

use crate::{
    command_line::CheckArgs,
    config::{self, Config, Problems},
    exit,
};

/// Says everything that is wrong with the configuration, or that nothing is.
#[expect(clippy::print_stdout, reason = "this is the command's answer")]
pub(crate) fn run(args: &CheckArgs, config: Result<Config, Problems>) -> ExitCode {
    if args.example {
        print!("{}", config::example());
        return ExitCode::SUCCESS;
    }
    match config {
        Ok(_) => {
            println!("The configuration is good.");
            ExitCode::SUCCESS
        }
        Err(problems) => exit::failed(&problems.into()),
    }
}
