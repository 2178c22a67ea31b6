//! `cargo xtask up`: a private PostgreSQL for development, in the foreground.

use std::{path::Path, process::ExitCode};

use anyhow::Result;

use crate::postgres::{Durability, Server};

/// Its data ends with it. Ctrl-C ends it, as any end of this process does.
pub(crate) fn run(root: &Path, durability: Durability) -> Result<ExitCode> {
    let mut server = Server::find_or_start(root, durability)?;
    println!("DATABASE_URL={}", server.url());
    if server.is_private() {
        println!("Ctrl-C stops it and removes its data.");
        server.wait()?;
    }
    Ok(ExitCode::SUCCESS)
}
