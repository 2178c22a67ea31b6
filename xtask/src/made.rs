//! The project that `wharf new` makes: as its user finds it, it is formatted, clean and its tests pass.
//!
//! A gate, and no test of wharf-cli: it builds wharf once more for a workspace of its own, and gates run one after the other
//! and keep what they built beside that of the standalone example, where a test would build beside other tests that wait.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{cargo, gate::Outcome, standalone::cargo_there};

const NAME: &str = "first-worker";

/// What its README has one type, and what a careful user adds; nothing may have to be fetched.
const COMMANDS: [&[&str]; 3] = [
    &["fmt", "--check"],
    &["test", "--quiet", "--offline"],
    &["clippy", "--quiet", "--offline", "--all-targets", "--", "-D", "warnings"],
];

/// Makes one on this checkout, in a folder outside of it.
pub(crate) fn check(root: &Path) -> Result<Outcome> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let parent = tempfile::tempdir().context("cannot create a folder")?;
    let built =
        cargo(root).args(["build", "--quiet", "--package", "wharf-cli"]).status().context("cannot run cargo")?;
    if !built.success() {
        return Ok(Outcome::Failed(Vec::new()));
    }
    let mut wharf = Command::new(target.join("debug/wharf"));
    let made = wharf.current_dir(parent.path()).args(["new", NAME, "--path"]).arg(root).output();
    let made = made.context("cannot run wharf")?;
    if !made.status.success() {
        return Ok(Outcome::Failed(vec![format!("wharf new: {}", String::from_utf8_lossy(&made.stderr))]));
    }
    let mut problems = Vec::new();
    for arguments in COMMANDS {
        let said = cargo_there(&parent.path().join(NAME), &target).args(arguments).output()?;
        if !said.status.success() {
            let [out, err] = [&said.stdout, &said.stderr].map(|text| String::from_utf8_lossy(text));
            problems.push(format!("cargo {} in a new project:\n{out}{err}", arguments.join(" ")));
        }
    }
    Ok(Outcome::of(problems, "made, formatted, tested and clean outside the workspace".to_owned()))
}
