//! What this machine has, and who we are on it.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

const LOG_LINES_SHOWN_MAX: usize = 20;

pub(crate) fn is_root() -> Result<bool> {
    Ok(id(&["-u"])? == 0)
}

pub(crate) fn id(args: &[&str]) -> Result<u32> {
    let output = Command::new("id").args(args).stderr(Stdio::null()).output().context("cannot run id")?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().with_context(|| format!("id {} did not answer with a number", args.join(" ")))
}

pub(crate) fn is_on_path(program: &str) -> bool {
    folders_on_path().any(|folder| folder.join(program).is_file())
}

pub(crate) fn folders_on_path() -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).collect::<Vec<_>>().into_iter()
}

/// Free a moment ago. Should somebody be quicker, the server does not start and says so.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Where the log of a server's last run stays, so that a failure can be read afterwards.
pub(crate) fn log_path(root: &Path, server: &str) -> Result<PathBuf> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let folder = target.join("xtask");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder.join(format!("{server}.log")))
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES_SHOWN_MAX)..].join("\n")
}
