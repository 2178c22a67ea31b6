//! `cargo xtask bench NAME`: one benchmark, built in release, against a private server that waits for its disk.

use std::{path::Path, process::ExitCode};

use anyhow::{Context, Result};

use crate::{
    cargo,
    postgres::{Durability, Server, TEST_POSTGRES_URL},
    rabbitmq::{Broker, TEST_RABBITMQ_URL},
};

/// A program of this name in the `benches/` folder of each package, with `harness = false`.
struct Bench {
    name: &'static str,
    packages: &'static [&'static str],
    /// Whether it needs RabbitMQ, too.
    broker: bool,
}

const BENCHES: &[Bench] = &[
    Bench { name: "broker", packages: &["orderly-infrastructure"], broker: true },
    Bench { name: "deliveries", packages: &["wharf-sqlite", "wharf-postgres"], broker: false },
    Bench { name: "jobs", packages: &["wharf-cli"], broker: false },
    Bench { name: "orders", packages: &["orderly-infrastructure"], broker: false },
    Bench { name: "replay", packages: &["orderly"], broker: false },
];

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    BENCHES.iter().map(|bench| bench.name)
}

pub(crate) fn run(root: &Path, name: &str, args: &[String]) -> Result<ExitCode> {
    let bench = BENCHES.iter().find(|bench| bench.name == name).with_context(|| {
        format!("no benchmark is called {name}; there are: {}", names().collect::<Vec<_>>().join(", "))
    })?;
    let server = Server::find_or_start(root, Durability::Durable)?;
    let broker = bench.broker.then(|| Broker::find_or_start(root)).transpose()?;
    for package in bench.packages {
        let mut run = cargo(root);
        if let Some(broker) = &broker {
            run.env(TEST_RABBITMQ_URL, broker.url());
        }
        let status = run
            .args(["bench", "--package", package, "--bench", bench.name, "--"])
            .args(args)
            .env(TEST_POSTGRES_URL, server.url())
            .status()
            .context("cannot run cargo bench")?;
        if !status.success() {
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}
