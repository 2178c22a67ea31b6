//! The public interface of the crates that others build on, as text: a change to it is a visible diff.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, ensure};
use public_api::Builder;

use crate::{cargo, gate::Outcome};

/// The crates, and the features that belong to their interface.
const CRATES: &[(&str, &[&str])] = &[
    ("wharf", &["testing"]),
    ("wharf-sqlite", &[]),
    ("wharf-postgres", &["testing"]),
    ("wharf-rabbitmq", &[]),
    ("wharf-redis", &[]),
];

/// More lines than this of a difference help nobody.
const LINES_SHOWN_MAX: usize = 40;

/// rustdoc writes JSON only for those who accept that its form may change. Told so itself, and not by the environment of
/// the whole build, it leaves what other commands have compiled as it is.
const RUSTDOC: &str = "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc \"$@\"\n";

/// Compares each crate's interface with its `api.txt`.
pub(crate) fn check(root: &Path) -> Result<Outcome> {
    let mut problems = Vec::new();
    let mut items = 0;
    for (name, features) in CRATES {
        let now = interface(root, name, features)?;
        let path = golden(root, name);
        let before = fs::read_to_string(&path).unwrap_or_default();
        let changes = changes(&before, &now);
        items += now.lines().count();
        if !changes.is_empty() {
            problems.push(format!("{} differs; if it is meant to, `cargo xtask api --bless`:", path.display()));
            problems.extend(changes);
        }
    }
    Ok(Outcome::of(problems, format!("{items} public items of {} crates", CRATES.len())))
}

/// Writes each crate's `api.txt` as it is now.
pub(crate) fn bless(root: &Path) -> Result<ExitCode> {
    for (name, features) in CRATES {
        let path = golden(root, name);
        fs::write(&path, interface(root, name, features)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
        println!("wrote {}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn golden(root: &Path, name: &str) -> PathBuf {
    root.join("crates").join(name).join("api.txt")
}

/// One line for each public item, sorted. What every type has anyway is left out.
fn interface(root: &Path, name: &str, features: &[&str]) -> Result<String> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let rustdoc = target.join("xtask").join("rustdoc");
    fs::create_dir_all(target.join("xtask"))?;
    fs::write(&rustdoc, RUSTDOC).with_context(|| format!("cannot write {}", rustdoc.display()))?;
    fs::set_permissions(&rustdoc, fs::Permissions::from_mode(0o755))?;
    let written = cargo(root)
        .args(["rustdoc", "--quiet", "--lib", "--package", name, "--features", &features.join(",")])
        .args(["--", "-Z", "unstable-options", "--output-format", "json"])
        .env("RUSTDOC", &rustdoc)
        .status()
        .context("cannot run cargo rustdoc")?;
    ensure!(written.success(), "cargo rustdoc of {name} failed");
    let json = target.join("doc").join(format!("{}.json", name.replace('-', "_")));
    let interface = Builder::from_rustdoc_json(&json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()
        .with_context(|| format!("cannot read {}", json.display()))?;
    Ok(table_of_contents(interface.items().map(ToString::to_string)))
}

/// Leaves out what stands elsewhere: that a type implements a trait is said in one line, without the trait's items.
fn table_of_contents(items: impl Iterator<Item = String>) -> String {
    let mut implementor = None;
    let mut text = String::new();
    for item in items {
        if let Some(of) = item.strip_prefix("impl") {
            implementor = of.rsplit_once(" for ").map(|(_, named)| format!("{}::", path_of(named)));
        }
        let is_the_traits = implementor.as_ref().is_some_and(|path| named_in(&item).starts_with(path.as_str()));
        if !is_the_traits && !item.contains("StructuralPartialEq") {
            text.push_str(&item);
            text.push('\n');
        }
    }
    text
}

/// A type without its parameters.
fn path_of(named: &str) -> &str {
    named.split(['<', ' ']).next().unwrap_or(named)
}

/// The path of the function, type or constant that this line tells of.
fn named_in(item: &str) -> &str {
    let words = item.split(' ').skip_while(|word| ["pub", "async", "const", "fn", "type", "unsafe"].contains(word));
    words.into_iter().next().unwrap_or_default()
}

/// The lines that left, and those that came. Both texts are sorted.
fn changes(before: &str, now: &str) -> Vec<String> {
    let only = |sign: &str, one: &str, other: &str| -> Vec<String> {
        let known: std::collections::HashSet<_> = other.lines().collect();
        one.lines().filter(|line| !known.contains(line)).map(|line| format!("  {sign} {line}")).collect()
    };
    let mut changes = [only("-", before, now), only("+", now, before)].concat();
    let more = changes.len().saturating_sub(LINES_SHOWN_MAX);
    changes.truncate(LINES_SHOWN_MAX);
    if more > 0 {
        changes.push(format!("  … and {more} more"));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::{changes, table_of_contents};

    #[test]
    fn what_a_trait_brings_is_told_at_the_trait_alone() {
        let items = [
            "pub trait wharf::Clock",
            "pub fn wharf::Clock::now(&self) -> wharf::Timestamp",
            "pub struct wharf::SystemClock",
            "impl wharf::SystemClock",
            "pub fn wharf::SystemClock::new() -> Self",
            "impl core::marker::StructuralPartialEq for wharf::SystemClock",
            "impl wharf::Clock for wharf::SystemClock",
            "pub fn wharf::SystemClock::now(&self) -> wharf::Timestamp",
            "pub fn wharf::micros(core::time::Duration) -> i64",
        ];
        let told = table_of_contents(items.iter().map(ToString::to_string));
        let left_out: Vec<_> = items.iter().filter(|item| !told.lines().any(|line| line == **item)).collect();
        assert_eq!(left_out, [&items[5], &items[7]]);
    }

    #[test]
    fn what_left_and_what_came_is_told() {
        assert_eq!(changes("pub fn a\npub fn b\n", "pub fn b\npub fn c\n"), ["  - pub fn a", "  + pub fn c"]);
        assert_eq!(changes("pub fn a\n", "pub fn a\n"), [""; 0]);
    }

    #[test]
    fn of_a_great_difference_the_beginning_is_told() {
        let many: String = (0..100).map(|n| format!("pub fn f{n}\n")).collect();
        let told = changes("", &many);
        assert_eq!((told.len(), told.last().map(String::as_str)), (41, Some("  … and 60 more")));
    }
}
