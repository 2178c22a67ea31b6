//! The rules of the house as code: what review would otherwise have to repeat.

mod rules;
mod source;
mod tree;

use std::{fs, path::Path};

use anyhow::{Context, Result};

pub(crate) use self::source::Source;
use crate::gate::Outcome;

pub(crate) fn check(root: &Path) -> Result<Outcome> {
    let sources = source_files(root)?;
    let mut problems: Vec<String> = sources.iter().flat_map(rules::problems).collect();
    problems.extend(tree::problems(&sources));
    for file in tree::CARGO_FILES {
        if let Ok(text) = fs::read_to_string(root.join(file)) {
            problems.extend(tree::foreign_registries(file, &text));
        }
    }
    Ok(Outcome::of(problems, format!("{} files", sources.len())))
}

/// Every Rust file of the project, in the order of their paths.
pub(crate) fn source_files(root: &Path) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for folder in ["crates", "xtask"] {
        collect(root, &root.join(folder), &mut sources)?;
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            if !path.ends_with("target") {
                collect(root, &path, sources)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let relative = path.strip_prefix(root)?.to_string_lossy().into_owned();
            sources.push(Source::new(relative, &text));
        }
    }
    Ok(())
}
