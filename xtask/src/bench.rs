//! `cargo xtask bench NAME`: one benchmark, built in release, against a private server that waits for its disk.

use std::{path::Path, process::ExitCode};

use anyhow::{Context, Result};

use crate::{
    cargo,
    postgres::{Durability, Server, TEST_POSTGRES_URL},
};

/// A program of this name in the `benches/` folder of each package, with `harness = false`.
struct Bench {
    name: &'static str,
    packages: &'static [&'static str],
}

const BENCHES: &[Bench] = &[
    Bench { name: "deliveries", packages: &["wharf-sqlite", "wharf-postgres"] },
    Bench { name: "orders", packages: &["orderly-infrastructure"] },
    Bench { name: "replay", packages: &["orderly"] },
];

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    BENCHES.iter().map(|bench| bench.name)
}

pub(crate) fn run(root: &Path, name: &str, args: &[String]) -> Result<ExitCode> {
    let bench = BENCHES.iter().find(|bench| bench.name == name).with_context(|| {
        format!("no benchmark is called {name}; there are: {}", names().collect::<Vec<_>>().join(", "))
    })?;
    let server = Server::find_or_start(root, Durability::Durable)?;
    for package in bench.packages {
        let status = cargo(root)
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
