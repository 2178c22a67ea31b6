//! orderly: takes orders, reserves stock, takes payment and ships, in one process or many.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests"))]

mod answer;
mod api;
mod app;
mod check;
mod command_line;
mod config;
mod counter;
mod demo;
mod exit;
mod figures;
mod http;
mod job_log;
mod live;
mod logging;
mod migrate;
mod reconcile;
mod replay;
mod role;
mod seed;
mod serving;
mod shop;
mod signing_key;
mod stop;
mod table;
mod up;
mod verify;
mod welcome;
mod worker;

use std::process::ExitCode;

use clap::Parser;
use command_line::{Command, CommandLine, UpArgs};
use config::Config;

/// Orders are many small allocations on many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match run(CommandLine::parse()).await {
        Ok(code) => code,
        Err(error) => exit::failed(&error),
    }
}

async fn run(line: CommandLine) -> anyhow::Result<ExitCode> {
    let config = Config::load(&line.sources());
    let command = line.command.unwrap_or(Command::Up(UpArgs::default()));
    if let Command::Check(args) = &command {
        return Ok(check::run(args, config));
    }
    let config = config?;
    logging::start(&config)?;
    match command {
        Command::Up(_) => up::run(&config).await,
        Command::Api(_) => api::run(&config).await,
        Command::Worker(_) => worker::run(&config).await,
        Command::Migrate => migrate::run(&config).await,
        Command::Check(args) => Ok(check::run(&args, Ok(config))),
        Command::Demo(args) => demo::run(&args, config).await,
        Command::Replay(args) => replay::run(&args, &config).await,
        Command::Verify(args) => verify::run(&args, &config).await,
        Command::Reconcile(args) => reconcile::run(&args, &config).await,
    }
}
