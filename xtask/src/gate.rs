//! Gates: the checks that stand before the tests. All of them run, so that all problems show at once.

use std::{
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::{api, cargo, faults::FAULTS, layers, made, requirements::REQUIREMENTS, standalone, tidy};

/// One check of the whole workspace.
pub(crate) struct Gate {
    pub(crate) name: &'static str,
    check: fn(&Path) -> Result<Outcome>,
}

/// What a gate found.
pub(crate) enum Outcome {
    /// Nothing wrong, and what was looked at.
    Passed(String),
    /// One line per problem. Empty when the tool has already printed them.
    Failed(Vec<String>),
    /// Why it could not be checked here.
    Skipped(String),
}

/// Cheap ones first: whoever watches sees a forgotten `//!` before clippy has compiled anything.
pub(crate) const GATES: &[Gate] = &[
    Gate { name: "layers", check: layers::check },
    Gate { name: "tidy", check: tidy::check },
    Gate { name: "requirements", check: |root| REQUIREMENTS.check(root) },
    Gate { name: "faults", check: |root| FAULTS.check(root) },
    Gate { name: "format", check: |root| run_cargo(root, &["fmt", "--all", "--check"]) },
    Gate {
        name: "clippy",
        check: |root| run_cargo(root, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    },
    Gate { name: "api", check: api::check },
    Gate { name: "standalone", check: standalone::check },
    Gate { name: "made", check: made::check },
    Gate { name: "deny", check: |root| run_cargo_tool(root, "deny", &["deny", "check"]) },
    Gate { name: "machete", check: |root| run_cargo_tool(root, "machete", &["machete"]) },
];

impl Outcome {
    /// Passed with `summary` unless there are problems.
    pub(crate) fn of(problems: Vec<String>, summary: String) -> Self {
        if problems.is_empty() { Self::Passed(summary) } else { Self::Failed(problems) }
    }

    pub(crate) fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

impl Gate {
    /// Runs the gate and prints what it found and how long it took.
    pub(crate) fn run(&self, root: &Path) -> Outcome {
        println!("\n── {}", self.name);
        let begun = Instant::now();
        let outcome = (self.check)(root).unwrap_or_else(|error| Outcome::Failed(vec![format!("{error:#}")]));
        let took = seconds(begun.elapsed());
        match &outcome {
            Outcome::Passed(summary) => println!("{}: passed in {took}{}{summary}", self.name, separator(summary)),
            Outcome::Skipped(reason) => println!("{}: SKIPPED, {reason}", self.name),
            Outcome::Failed(problems) => {
                for problem in problems {
                    println!("{problem}");
                }
                println!("{}: FAILED in {took}", self.name);
            }
        }
        outcome
    }
}

/// Runs the gate of that name alone.
pub(crate) fn run_one(root: &Path, name: &str) -> Result<ExitCode> {
    let gate = GATES.iter().find(|gate| gate.name == name).with_context(|| format!("no gate is called {name}"))?;
    Ok(if gate.run(root).is_failure() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Seconds as people read them: `3.4 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

fn separator(summary: &str) -> &'static str {
    if summary.is_empty() { "" } else { ": " }
}

fn run_cargo(root: &Path, args: &[&str]) -> Result<Outcome> {
    let status = cargo(root).args(args).status().context("cannot run cargo")?;
    Ok(if status.success() { Outcome::Passed(String::new()) } else { Outcome::Failed(Vec::new()) })
}

/// For tools that a machine with only Rust does not have: building them would cost each run minutes.
fn run_cargo_tool(root: &Path, tool: &str, args: &[&str]) -> Result<Outcome> {
    let installed = Command::new(format!("cargo-{tool}"))
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok();
    if installed { run_cargo(root, args) } else { Ok(Outcome::Skipped(format!("cargo-{tool} is not installed"))) }
}
