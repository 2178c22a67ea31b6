//! The arrows between crates: what may import what. A new arrow is a change to this file, for all to see.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{cargo, gate::Outcome};

/// A crate's place. Which crates it may import follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    /// wharf itself.
    Sdk,
    /// One database, broker or carrier of signals for wharf.
    Engine,
    /// wharf as a program, which knows its databases and nothing of orderly.
    CommandLine,
    /// orderly's published language.
    Contracts,
    /// Tokens and roles, for the edges.
    Security,
    /// A bounded context: domain and use cases.
    Module,
    /// The adapters of all modules.
    Infrastructure,
    /// The program that puts everything together.
    Binary,
    /// This crate.
    Automation,
}

/// Every crate of the workspace stands here.
const CRATES: &[(&str, Layer)] = &[
    ("wharf", Layer::Sdk),
    ("wharf-postgres", Layer::Engine),
    ("wharf-rabbitmq", Layer::Engine),
    ("wharf-redis", Layer::Engine),
    ("wharf-sqlite", Layer::Engine),
    ("wharf-cli", Layer::CommandLine),
    ("orderly-contracts", Layer::Contracts),
    ("orderly-security", Layer::Security),
    ("orderly-identity", Layer::Module),
    ("orderly-catalog", Layer::Module),
    ("orderly-inventory", Layer::Module),
    ("orderly-orders", Layer::Module),
    ("orderly-payments", Layer::Module),
    ("orderly-shipping", Layer::Module),
    ("orderly-notifications", Layer::Module),
    ("orderly-infrastructure", Layer::Infrastructure),
    ("orderly", Layer::Binary),
    ("xtask", Layer::Automation),
];

const DATABASES: &[&str] = &["sqlx", "rusqlite", "tokio-postgres"];
const BROKERS: &[&str] = &["lapin", "redis"];
const WEB: &[&str] = &["axum", "hyper", "reqwest", "tower-http"];

impl Layer {
    /// The layers below. A layer never imports itself: modules do not know each other.
    fn may_import(self) -> &'static [Self] {
        match self {
            Self::Sdk | Self::Automation => &[],
            Self::Engine | Self::Contracts => &[Self::Sdk],
            Self::CommandLine => &[Self::Sdk, Self::Engine],
            Self::Security => &[Self::Contracts],
            Self::Module => &[Self::Contracts, Self::Sdk],
            Self::Infrastructure => &[Self::Sdk, Self::Engine, Self::Contracts, Self::Module],
            Self::Binary => {
                &[Self::Sdk, Self::Engine, Self::Contracts, Self::Security, Self::Infrastructure, Self::Module]
            }
        }
    }

    /// Crates of others that would betray the layer's purpose.
    fn banned(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Sdk | Self::Contracts | Self::Module => &[DATABASES, BROKERS, WEB],
            Self::Security => &[DATABASES, BROKERS],
            Self::Engine | Self::Infrastructure => &[WEB],
            Self::CommandLine => &[WEB],
            Self::Binary | Self::Automation => &[],
        }
    }
}

/// One import, as a Cargo.toml declares it.
struct Import {
    from: String,
    to: String,
    /// Of tests, examples and benches only.
    dev: bool,
}

pub(crate) fn check(root: &Path) -> Result<Outcome> {
    let output = cargo(root)
        .args(["metadata", "--format-version=1", "--no-deps"])
        .output()
        .context("cannot run cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let (members, imports) = read(&metadata).context("cargo metadata has an unknown shape")?;
    let summary = format!("{} imports of {} crates", imports.len(), members.len());
    Ok(Outcome::of(problems(&members, &imports), summary))
}

fn read(metadata: &Value) -> Option<(Vec<String>, Vec<Import>)> {
    let mut members = Vec::new();
    let mut imports = Vec::new();
    for package in metadata["packages"].as_array()? {
        let from = package["name"].as_str()?;
        members.push(from.to_owned());
        for dependency in package["dependencies"].as_array()? {
            imports.push(Import {
                from: from.to_owned(),
                to: dependency["name"].as_str()?.to_owned(),
                dev: dependency["kind"] == "dev",
            });
        }
    }
    Some((members, imports))
}

fn layer_of(name: &str) -> Option<Layer> {
    CRATES.iter().find(|(known, _)| *known == name).map(|(_, layer)| *layer)
}

fn problems(members: &[String], imports: &[Import]) -> Vec<String> {
    let unplaced = members
        .iter()
        .filter(|name| layer_of(name).is_none())
        .map(|name| format!("{name} has no layer: give it one in xtask/src/layers.rs"));
    let gone = CRATES
        .iter()
        .filter(|(name, _)| !members.iter().any(|member| member == name))
        .map(|(name, _)| format!("{name} has a layer but no longer exists: take it out of xtask/src/layers.rs"));
    unplaced.chain(gone).chain(imports.iter().filter_map(problem)).collect()
}

fn problem(import: &Import) -> Option<String> {
    let Import { from, to, dev } = import;
    let layer = layer_of(from)?;
    let Some(imported) = layer_of(to) else {
        // Tests, examples and benches may use whatever shows that the crate works.
        let banned = !dev && layer.banned().iter().any(|group| group.contains(&to.as_str()));
        return banned.then(|| format!("{from} depends on {to}, which its layer ({layer:?}) must not know"));
    };
    // Its own tests may turn on a crate's own features.
    let for_tests = *dev && (imported == Layer::Sdk || from == to);
    let allowed = for_tests || layer.may_import().contains(&imported);
    (!allowed).then(|| format!("{from} ──► {to} is no arrow of the design: {layer:?} may not import {imported:?}"))
}

#[cfg(test)]
mod tests {
    use super::{CRATES, Import, problems};

    fn found(imports: &[(&str, &str, bool)]) -> Vec<String> {
        let members: Vec<_> = CRATES.iter().map(|(name, _)| (*name).to_owned()).collect();
        let imports: Vec<_> =
            imports.iter().map(|&(from, to, dev)| Import { from: from.to_owned(), to: to.to_owned(), dev }).collect();
        problems(&members, &imports)
    }

    #[test]
    fn arrows_that_point_down_pass() {
        let down = [
            ("orderly", "orderly-infrastructure", false),
            ("orderly-infrastructure", "orderly-orders", false),
            ("orderly-orders", "orderly-contracts", false),
            ("orderly-security", "orderly-contracts", false),
            ("wharf-postgres", "wharf", false),
            ("wharf-postgres", "sqlx", false),
        ];
        assert_eq!(found(&down), [""; 0]);
    }

    #[test]
    fn a_module_that_imports_another_is_found() {
        let problem = "orderly-orders ──► orderly-payments is no arrow of the design: Module may not import Module";
        assert_eq!(found(&[("orderly-orders", "orderly-payments", false)]), [problem]);
        assert_eq!(found(&[("orderly-orders", "orderly-payments", true)]), [problem]);
    }

    #[test]
    fn an_arrow_that_points_up_is_found() {
        assert_eq!(found(&[("wharf", "orderly-contracts", false)]).len(), 1);
        assert_eq!(found(&[("orderly-contracts", "orderly-orders", false)]).len(), 1);
        assert_eq!(found(&[("orderly-payments", "orderly-security", false)]).len(), 1);
        assert_eq!(found(&[("orderly-inventory", "wharf-postgres", false)]).len(), 1);
    }

    #[test]
    fn tests_may_use_wharf_and_nothing_else_of_ours() {
        assert_eq!(found(&[("wharf", "wharf", true), ("orderly-security", "wharf", true)]), [""; 0]);
        assert_eq!(found(&[("wharf-sqlite", "wharf-sqlite", true)]), [""; 0]);
        assert_eq!(found(&[("wharf-sqlite", "wharf-postgres", true)]).len(), 1);
        assert_eq!(found(&[("orderly-security", "wharf", false)]).len(), 1);
    }

    #[test]
    fn a_database_in_the_sdk_is_found_and_one_in_a_module() {
        assert_eq!(found(&[("wharf", "sqlx", false)]), ["wharf depends on sqlx, which its layer (Sdk) must not know"]);
        assert_eq!(found(&[("orderly-orders", "axum", false)]).len(), 1);
        assert_eq!(found(&[("wharf-postgres", "axum", true)]), [""; 0], "an example may be a web server");
    }

    #[test]
    fn a_crate_without_a_layer_is_found_and_a_layer_without_a_crate() {
        let problems = problems(&["orderly-returns".to_owned()], &[]);
        assert_eq!(problems.first().unwrap(), "orderly-returns has no layer: give it one in xtask/src/layers.rs");
        assert_eq!(problems.len(), 1 + CRATES.len());
    }
}
