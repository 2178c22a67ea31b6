//! The example that a stranger copies: taken out of the tree, built and run as its README says.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::{cargo, gate::Outcome};

/// Where it stands, and what of it a stranger takes.
const EXAMPLE: &str = "examples/standalone";
const FILES: &[&str] = &["Cargo.toml", "README.md", "src/main.rs"];

/// The paths in its `Cargo.toml`, as they stand in the tree.
const CRATES: &str = "../../crates/";

/// What the README has one type, and what it says is answered: lines that are indented, between these words.
const RUNS: [(&[&str], &str, &str); 2] =
    [(&["Ada", "Grace"], "answers\n", "and a second"), (&["Ada"], "says\n", "`cargo test`")];

/// Runs it in a folder of its own outside the workspace.
pub(crate) fn check(root: &Path) -> Result<Outcome> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let copy = tempfile::tempdir().context("cannot create a folder")?;
    copy_out(root, copy.path())?;
    let readme = fs::read_to_string(root.join(EXAMPLE).join("README.md"))?;
    let mut problems = Vec::new();
    for (arguments, from, to) in RUNS {
        let said = cargo_there(copy.path(), &target).args(["run", "--quiet", "--"]).args(arguments).output()?;
        ensure!(said.status.success(), "it does not run:\n{}", String::from_utf8_lossy(&said.stderr));
        let said = String::from_utf8_lossy(&said.stdout);
        let promised = quoted(&readme, from, to).context("the README does not say what it answers")?;
        if said.trim_end() != promised {
            problems.push(format!("{EXAMPLE}/README.md says\n{promised}\nfor {arguments:?}, and it answers\n{said}"));
        }
    }
    let tested = cargo_there(copy.path(), &target).args(["test", "--quiet"]).output()?;
    if !tested.status.success() {
        problems.push(format!("its tests fail:\n{}", String::from_utf8_lossy(&tested.stdout)));
    }
    Ok(Outcome::of(problems, "built, run and tested outside the workspace".to_owned()))
}

/// As the README has one do, and with our own versions of what it needs: the newest ones are not this check's business.
fn copy_out(root: &Path, copy: &Path) -> Result<()> {
    for file in FILES {
        let (from, to) = (root.join(EXAMPLE).join(file), copy.join(file));
        let text = fs::read_to_string(&from).with_context(|| format!("cannot read {}", from.display()))?;
        let crates = format!("{}/", root.join("crates").display());
        fs::create_dir_all(to.parent().unwrap_or(copy))?;
        fs::write(&to, text.replace(CRATES, &crates))?;
    }
    fs::copy(root.join("Cargo.lock"), copy.join("Cargo.lock")).context("cannot copy Cargo.lock")?;
    Ok(())
}

/// What it needs is kept in our own target folder from one run to the next.
pub(crate) fn cargo_there(copy: &Path, target: &Path) -> Command {
    let mut command = cargo(copy);
    command.env("CARGO_TARGET_DIR", target.join("standalone")).env("CARGO_PROFILE_DEV_DEBUG", "0");
    command
}

/// The indented lines between two pieces of a text, without their indentation.
fn quoted(text: &str, from: &str, to: &str) -> Option<String> {
    let (_, text) = text.split_once(from)?;
    let (text, _) = text.split_once(to)?;
    let lines: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn only_indented_lines_between_the_words_are_quoted() {
        let text = "    before\nanswers\n\n    one\n    two\n\nand a second\n    after\n";
        assert_eq!(quoted(text, "answers\n", "and a second").as_deref(), Some("one\ntwo"));
        assert_eq!(quoted(text, "answers\n", "and a third"), None);
    }
}
