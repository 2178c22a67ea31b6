//! wharf: looks at what a wharf database holds, and changes what a person wants changed.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests"))]

mod bench;
mod command_line;
mod connection;
mod dead_letters;
mod jobs;
mod new;
mod queues;
mod sagas;
mod schedules;
mod shown;
mod workers;

use std::process::ExitCode;

use clap::Parser;
use command_line::{Command, CommandLine, Within};
use connection::Connection;
use mimalloc::MiMalloc;
use shown::Shown;

/// As in the workers that it measures.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
#[expect(clippy::print_stderr, reason = "the program's last word is for people")]
async fn main() -> ExitCode {
    match run(CommandLine::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wharf: {error:#}");
            ExitCode::from(1)
        }
    }
}

async fn run(line: CommandLine) -> anyhow::Result<()> {
    let shown = match &line.command {
        Command::Within(command) => within(&line, command).await?,
        Command::Migrate => {
            connection::migrate(line.database()?).await?;
            Shown::words("the tables are up to date")
        }
        Command::Bench(command) => {
            let measured = bench::run(command).await?;
            measured.shown.print(line.json);
            return measured.verdict;
        }
        Command::New { name, path } => new::run(name, path.as_deref())?,
    };
    shown.print(line.json);
    Ok(())
}

async fn within(line: &CommandLine, command: &Within) -> anyhow::Result<Shown> {
    let connection = Connection::open(line.database()?).await?;
    let (client, tenant) = (connection.client(), line.tenant());
    let shown = match command {
        Within::Jobs(command) => jobs::run(client, &tenant, command).await,
        Within::Schedules(command) => schedules::run(client, &tenant, command, line.who()).await,
        Within::Workers => workers::list(client).await,
        Within::Queues => queues::list(client).await,
        Within::Sagas(command) => sagas::run(client, &tenant, command).await,
        Within::DeadLetters(command) => dead_letters::run(client, command).await,
    };
    connection.close().await;
    shown
}
