//! `.env.example`: every setting, what it means, what it may be, and its default.

use super::{Config, Sources, reader::Reader, sources::variable};

/// All settings as an `.env` file in which nothing is set: each is commented out, with its default.
pub(crate) fn example() -> String {
    let mut reader = Reader::new(&Sources::default());
    Config::read(&mut reader);
    let head = "\
# Every setting, with its default in development. Made by `orderly check --example`.
# The same settings stand in orderly.toml under their keys; the environment wins over the file, a flag over both.
";
    reader.known.iter().fold(head.to_owned(), |text, about| {
        let (key, meaning, allowed) = (about.key, about.meaning, about.allowed);
        let (variable, default) = (variable(key), about.default.unwrap_or_default());
        format!("{text}\n# {key}: {meaning}\n# Allowed: {allowed}.\n# {variable}={default}\n")
    })
}
