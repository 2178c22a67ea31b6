//! `wharf new`: a worker's project, from the files in `template/`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};

use crate::shown::Shown;

macro_rules! template {
    ($($file:literal),* $(,)?) => { &[$(($file, include_str!(concat!("../template/", $file)))),*] };
}

/// What a project is made of. The template is one itself: the tests of the tree build what is made of it.
const TEMPLATE: &[(&str, &str)] = template![
    "Cargo.toml",
    "README.md",
    ".gitignore",
    "src/main.rs",
    "src/lib.rs",
    "src/greet.rs",
    "src/stop.rs",
    "tests/greetings.rs",
];

/// What the template calls itself, as a package and as a crate.
const TEMPLATE_NAME: (&str, &str) = ("my-worker", "my_worker");

/// Where the template's `Cargo.toml` finds our crates.
const TEMPLATE_CRATES: &str = "path = \"../../";

/// Longer ones some file system refuses.
const NAME_MAX_CHARS: usize = 64;

/// Names that Cargo or Rust keeps, and those of the packages that the project depends on.
const TAKEN: &str = "
    abstract alloc as async await become box break build const continue core crate deps do dyn else enum
    examples extern false final fn for gen if impl in incremental let loop macro match mod move mut override
    priv proc_macro pub ref return schemars self serde static std struct super test tokio tracing_subscriber
    trait true try type typeof unsafe unsized use virtual wharf wharf_postgres wharf_sqlite where while yield";

/// Makes it in a directory of its name, here.
pub(crate) fn run(name: &str, checkout: Option<&Path>) -> anyhow::Result<Shown> {
    make(Path::new(name), name, checkout)?;
    Ok(Shown::words(format!("{name} is there. Next: cd {name} && cargo test && cargo run")))
}

fn make(directory: &Path, name: &str, checkout: Option<&Path>) -> anyhow::Result<()> {
    check(name)?;
    let checkout = checkout.map(found).transpose()?;
    ensure!(!directory.exists(), "`{}` exists; give the project another name", directory.display());
    for (file, text) in TEMPLATE {
        let path = directory.join(file);
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, filled(text, name, checkout.as_deref())));
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(checkout) = checkout {
        // With the very versions that the checkout is tested with; and without a network where it was built.
        fs::copy(checkout.join("Cargo.lock"), directory.join("Cargo.lock")).context("cannot copy Cargo.lock")?;
    }
    Ok(())
}

/// A package's name that is a crate's as well.
fn check(name: &str) -> anyhow::Result<()> {
    let begins = name.starts_with(|first: char| first.is_ascii_lowercase());
    let goes_on = name.chars().all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '-' || one == '_');
    ensure!(
        begins && goes_on && name.len() <= NAME_MAX_CHARS,
        "`{name}` is no name for a crate: write lower-case letters, digits, - and _, beginning with a letter, \
         {NAME_MAX_CHARS} at most"
    );
    ensure!(
        TAKEN.split_whitespace().all(|taken| taken != name.replace('-', "_")),
        "the name `{name}` is taken, by Rust or by a package that the project uses"
    );
    Ok(())
}

/// The checkout's own path, whatever the current directory of those who build.
fn found(checkout: &Path) -> anyhow::Result<PathBuf> {
    let is_ours = checkout.join("crates/wharf/Cargo.toml").exists();
    ensure!(is_ours, "`{}` is no checkout of wharf: there is no crates/wharf in it", checkout.display());
    checkout.canonicalize().with_context(|| format!("cannot find {}", checkout.display()))
}

fn filled(text: &str, name: &str, checkout: Option<&Path>) -> String {
    let (package, krate) = TEMPLATE_NAME;
    let text = text.replace(package, name).replace(krate, &name.replace('-', "_"));
    text.split_inclusive('\n').map(|line| depending(line, checkout)).collect()
}

/// A line, with the crate of ours that it names, if any, at a path or of this version.
fn depending(line: &str, checkout: Option<&Path>) -> String {
    let Some((before, (krate, after))) =
        line.split_once(TEMPLATE_CRATES).and_then(|(before, rest)| Some((before, rest.split_once('"')?)))
    else {
        return line.to_owned();
    };
    let from = match checkout {
        // A path between the quotes that TOML and Rust write alike.
        Some(checkout) => format!("path = {:?}", checkout.join("crates").join(krate)),
        None => format!("version = \"{}\"", env!("CARGO_PKG_VERSION")),
    };
    format!("{before}{from}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The checkout that this is.
    const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

    fn made(name: &str, checkout: Option<&Path>) -> (tempfile::TempDir, PathBuf) {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join(name);
        make(&directory, name, checkout).unwrap();
        (parent, directory)
    }

    #[test]
    fn every_file_of_the_template_is_made_under_the_projects_name() {
        let (_parent, directory) = made("night-shift", None);
        for (file, _) in TEMPLATE {
            let text = fs::read_to_string(directory.join(file)).unwrap();
            let left = [TEMPLATE_NAME.0, TEMPLATE_NAME.1, "../.."].into_iter().find(|left| text.contains(left));
            assert_eq!(left, None, "{file}:\n{text}");
        }
        let read = |file| fs::read_to_string(directory.join(file)).unwrap();
        assert!(read("Cargo.toml").contains("name = \"night-shift\""));
        assert!(read("src/main.rs").contains("night_shift::module()"));
        let of_this_version = format!("wharf = {{ version = \"{}\", features", env!("CARGO_PKG_VERSION"));
        assert!(read("Cargo.toml").contains(&of_this_version), "{}", read("Cargo.toml"));
    }

    /// No file was forgotten in the list.
    #[test]
    fn all_that_lies_in_the_template_is_made() {
        fn files(folder: &Path) -> Vec<PathBuf> {
            let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            let built = |path: &PathBuf| path.ends_with("target") || path.ends_with("Cargo.lock");
            entries
                .filter(|path| !built(path))
                .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
                .collect()
        }
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("template");
        let mut there = files(&template);
        let mut listed: Vec<_> = TEMPLATE.iter().map(|(file, _)| template.join(file)).collect();
        there.sort();
        listed.sort();
        assert_eq!(there, listed);
    }

    #[test]
    fn a_checkout_is_depended_on_by_its_own_path_and_versions() {
        let (_parent, directory) = made("w2", Some(Path::new(HERE)));
        let manifest = fs::read_to_string(directory.join("Cargo.toml")).unwrap();
        let root = Path::new(HERE).canonicalize().unwrap();
        let ours = format!("wharf-sqlite = {{ path = \"{}\" }}", root.join("crates/wharf-sqlite").display());
        assert!(manifest.contains(&ours), "{manifest}");
        assert_eq!(fs::read(directory.join("Cargo.lock")).unwrap(), fs::read(root.join("Cargo.lock")).unwrap());
    }

    #[test]
    fn what_cannot_be_made_is_refused_and_leaves_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let refused = |name: &str, checkout: Option<&Path>| {
            make(&parent.path().join("here"), name, checkout).unwrap_err().to_string()
        };
        for name in ["", "9lives", "-x", "a/b", "../up", "Worker", "grüße", "a b", &"a".repeat(65)] {
            assert!(refused(name, None).starts_with(&format!("`{name}` is no name for a crate:")), "{name}");
        }
        for name in ["match", "test", "wharf", "wharf-sqlite", "proc-macro"] {
            assert!(refused(name, None).starts_with(&format!("the name `{name}` is taken")), "{name}");
        }
        assert!(
            refused("fine", Some(parent.path())).ends_with("is no checkout of wharf: there is no crates/wharf in it")
        );
        assert!(!parent.path().join("here").exists());
        fs::create_dir(parent.path().join("here")).unwrap();
        assert!(refused("fine", None).ends_with("/here` exists; give the project another name"));
    }
}
