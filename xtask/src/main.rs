//! The project's own commands. `cargo xtask test` is the one that matters: every gate, every test, one verdict.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool speaks on stdout")]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests"))]

mod api;
mod bench;
mod chaos;
mod debian;
mod faults;
mod gate;
mod guard;
mod layers;
mod ledger;
mod machine;
mod made;
mod postgres;
mod rabbitmq;
mod redis;
mod requirements;
mod standalone;
mod test;
mod tidy;
mod up;

use std::{
    env,
    hash::{BuildHasher, RandomState},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::Result;
use clap::{Parser, builder::PossibleValuesParser};

use crate::postgres::Durability;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own commands", version)]
enum Xtask {
    /// Run every gate and every test against real servers, and end with one verdict line.
    Test {
        /// Let the private server wait for its disk, as a production server would.
        #[arg(long)]
        durable: bool,
    },
    /// Keep a private PostgreSQL, RabbitMQ and Redis running until Ctrl-C, and print their DATABASE_URL, AMQP_URL and
    /// REDIS_URL.
    Up {
        /// Let the server wait for its disk, as a production server would.
        #[arg(long)]
        durable: bool,
    },
    /// Compare what the crates import with the arrows they may draw.
    Layers,
    /// Check the rules of the house over the source tree.
    Tidy,
    /// Compare the public interface of wharf and its engines with each crate's `api.txt`.
    Api {
        /// Write those files anew.
        #[arg(long)]
        bless: bool,
    },
    /// Check that every requirement has its row, and that the tests it names exist.
    Requirements,
    /// Check that every fault has its row, and that the tests it names exist.
    Faults,
    /// Build the example that stands outside the workspace, as its README says, and run it.
    Standalone,
    /// Build the project that `wharf new` makes, outside the workspace, and run its tests.
    Made,
    /// Let orders flow while processes, servers and connections are killed and brought back; exit 1 if anything is lost,
    /// doubled or wrong.
    Chaos {
        /// Repeats the plan of an earlier run [default: another one each time]
        #[arg(long)]
        seed: Option<u64>,
        /// For how long orders are placed.
        #[arg(long, default_value_t = 10)]
        minutes: u64,
    },
    /// Build one benchmark in release and run it against a durable private server.
    Bench {
        #[arg(value_parser = PossibleValuesParser::new(bench::names()))]
        name: String,
        /// Passed on to the benchmark.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

fn main() -> ExitCode {
    run(&root(), Xtask::parse()).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(root: &Path, command: Xtask) -> Result<ExitCode> {
    match command {
        Xtask::Test { durable } => test::run(root, Durability::from_flag(durable)),
        Xtask::Up { durable } => up::run(root, Durability::from_flag(durable)),
        Xtask::Layers => gate::run_one(root, "layers"),
        Xtask::Tidy => gate::run_one(root, "tidy"),
        Xtask::Api { bless: true } => api::bless(root),
        Xtask::Api { bless: false } => gate::run_one(root, "api"),
        Xtask::Requirements => gate::run_one(root, "requirements"),
        Xtask::Faults => gate::run_one(root, "faults"),
        Xtask::Standalone => gate::run_one(root, "standalone"),
        Xtask::Made => gate::run_one(root, "made"),
        Xtask::Chaos { seed, minutes } => chaos::run(root, seed.unwrap_or_else(any_seed), minutes),
        Xtask::Bench { name, args } => bench::run(root, &name, &args),
    }
}

/// Different each time.
fn any_seed() -> u64 {
    RandomState::new().hash_one(0) % 1_000_000
}

/// The workspace's folder: the parent of this package's.
fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// The cargo that started us, so that every step uses the same toolchain.
fn cargo(root: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}
