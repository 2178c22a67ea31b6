//! The log: on stderr, so that stdout stays for results.

use std::io::{self, IsTerminal, Write, stderr};

use anyhow::Context;
use tracing_subscriber::{EnvFilter, fmt};

use crate::{config::Config, live::without_bar};

/// Starts logging as `log` says.
pub(crate) fn start(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log).context("log")?;
    let started = fmt().with_env_filter(filter).with_writer(|| AboveBar).with_ansi(stderr().is_terminal()).try_init();
    started.map_err(|error| anyhow::anyhow!("the log cannot be started: {error}"))
}

/// Stderr, above the progress bar where one is shown. An event comes in one piece.
struct AboveBar;

impl Write for AboveBar {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        without_bar(|| stderr().write(event))
    }

    fn flush(&mut self) -> io::Result<()> {
        stderr().flush()
    }
}
