//! Rules about the tree as a whole: what must exist, and where packages come from.

use std::collections::BTreeSet;

use super::{rules::is_saga, source::Source};

/// Crates of orderly that are no bounded context, and so have no domain to fence.
const NO_MODULES: &[&str] = &["orderly-contracts", "orderly-security", "orderly-infrastructure"];

/// Where orderly's saga lives. Were it renamed unnoticed, the rule about its arms would check nothing.
const SAGA_FOLDER: &str = "crates/orderly-orders/src/";

/// Files that may say where packages come from.
pub(super) const CARGO_FILES: &[&str] = &["Cargo.toml", "Cargo.lock", ".cargo/config.toml"];

const PUBLIC_REGISTRY: &str = "registry+https://github.com/rust-lang/";

pub(super) fn problems(sources: &[Source]) -> Vec<String> {
    let modules: BTreeSet<&str> = sources
        .iter()
        .filter_map(|source| source.path.strip_prefix("crates/")?.split('/').next())
        .filter(|name| name.starts_with("orderly-") && !NO_MODULES.contains(name))
        .collect();
    let mut problems: Vec<String> = modules.into_iter().filter_map(|module| missing_fence(module, sources)).collect();
    let is_the_saga = |source: &Source| source.path.starts_with(SAGA_FOLDER) && is_saga(source);
    if !sources.iter().any(is_the_saga) {
        problems.push(format!("{SAGA_FOLDER}: no file here implements Saga, so none was checked for forgotten events"));
    }
    problems
}

/// A module's domain is compiled alone, with wharf masked, by a test of its own.
fn missing_fence(module: &str, sources: &[Source]) -> Option<String> {
    let path = format!("crates/{module}/tests/domain_stands_alone.rs");
    let Some(fence) = sources.iter().find(|source| source.path == path) else {
        return Some(format!("{path}:1: missing: nothing keeps the domain of {module} from reaching outward"));
    };
    let has = |wanted: &str| fence.code.iter().any(|line| line.contains(wanted));
    let stands = has("#[path") && has("extern crate core as wharf;");
    (!stands).then(|| format!("{path}:1: it takes in the domain by `#[path]` and masks `extern crate core as wharf;`"))
}

/// The project builds from the public registry alone: a mirror is the business of the machine that uses one.
pub(super) fn foreign_registries(file: &str, text: &str) -> Vec<String> {
    let is_foreign = |line: &str| {
        let line = line.trim();
        let names_a_source =
            line.starts_with("[source") || line.starts_with("[registr") || line.starts_with("registry =");
        names_a_source
            || line
                .strip_prefix("source = ")
                .is_some_and(|source| !source.trim_matches('"').starts_with(PUBLIC_REGISTRY))
    };
    text.lines()
        .enumerate()
        .filter(|(_, line)| is_foreign(line))
        .map(|(line, _)| format!("{file}:{}: packages come from the public registry, without a mirror", line + 1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{foreign_registries, problems};
    use crate::tidy::Source;

    const FENCE: &str = "extern crate core as wharf;\n#[path = \"../src/domain/mod.rs\"]\nmod domain;\n";
    const SAGA: (&str, &str) = ("crates/orderly-orders/src/fulfilment.rs", "impl Saga for Sample {}");
    const SAGA_FENCE: (&str, &str) = ("crates/orderly-orders/tests/domain_stands_alone.rs", FENCE);
    const PAYMENTS: (&str, &str) = ("crates/orderly-payments/src/lib.rs", "");
    const PAYMENTS_FENCE: &str = "crates/orderly-payments/tests/domain_stands_alone.rs";

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let sources = files.iter().map(|(path, text)| Source::new((*path).to_owned(), text));
        problems(&sources.collect::<Vec<_>>())
    }

    #[test]
    fn modules_with_their_fences_pass() {
        let others = [("crates/orderly/src/main.rs", ""), ("crates/orderly-security/src/lib.rs", "")];
        assert_eq!(found(&[SAGA, SAGA_FENCE, PAYMENTS, (PAYMENTS_FENCE, FENCE), others[0], others[1]]), [""; 0]);
    }

    #[test]
    fn a_module_without_its_fence_is_found() {
        assert_eq!(
            found(&[SAGA, SAGA_FENCE, PAYMENTS]),
            ["crates/orderly-payments/tests/domain_stands_alone.rs:1: missing: nothing keeps the domain of \
              orderly-payments from reaching outward"]
        );
    }

    #[test]
    fn a_fence_with_a_hole_is_found() {
        for hole in ["#[path = \"../src/domain/mod.rs\"]\nmod domain;\n", "extern crate core as wharf;\n"] {
            assert_eq!(found(&[SAGA, SAGA_FENCE, PAYMENTS, (PAYMENTS_FENCE, hole)]).len(), 1);
        }
    }

    #[test]
    fn a_tree_without_its_saga_is_found() {
        let in_a_test = ("crates/wharf/tests/it/saga.rs", SAGA.1);
        assert_eq!(
            found(&[SAGA_FENCE, in_a_test]),
            ["crates/orderly-orders/src/: no file here implements Saga, so none was checked for forgotten events"]
        );
    }

    #[test]
    fn a_mirror_is_found() {
        assert_eq!(
            foreign_registries("Cargo.lock", "source = \"registry+https://mirror.example/index\"\n"),
            ["Cargo.lock:1: packages come from the public registry, without a mirror"]
        );
        assert_eq!(foreign_registries(".cargo/config.toml", "[alias]\n[source.crates-io]\n").len(), 1);
        let public = "source = \"registry+https://github.com/rust-lang/index\"\n";
        assert_eq!(foreign_registries("Cargo.lock", public), [""; 0]);
    }
}
