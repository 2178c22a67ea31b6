//! A guard cleans up once this process has ended, however it ended.

use std::{
    ffi::OsStr,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result};

use crate::postgres::Account;

/// A small shell that waits on a pipe of which only we hold the other end.
///
/// Dropping the guard closes it, and so does a panic, Ctrl-C or `kill -9`: then the script runs. That needs no signal
/// handler, and covers the ends of a process that no handler sees.
pub(crate) struct Guard {
    shell: Child,
}

impl Guard {
    /// `script` finds `args` as `$1`, `$2`, …
    pub(crate) fn new(account: Option<Account>, script: &str, args: &[&OsStr]) -> Result<Self> {
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg(format!("read -r _; {script}"))
            .arg("guard")
            .args(args)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0); // a Ctrl-C at the terminal must not end the one who cleans up after it
        if let Some(account) = account {
            account.apply(&mut shell);
        }
        Ok(Self { shell: shell.spawn().context("cannot run sh")? })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        if let Err(error) = self.shell.wait() {
            eprintln!("the clean-up could not be awaited: {error}");
        }
    }
}
