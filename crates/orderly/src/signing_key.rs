//! The key that signs tokens: the configured one, or in development one made once per data directory.

use std::{
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::{ErrorKind, Write as _},
    path::Path,
};

use anyhow::Context;
use orderly_security::SigningSecret;

use crate::config::Config;

const FILE: &str = "signing.key";
const KEY_LENGTH_BYTES: usize = 32;

/// The key of this configuration; made if there is none yet, which only development allows.
pub(crate) fn of(config: &Config) -> anyhow::Result<SigningSecret> {
    if let Some(key) = &config.jwt.key {
        return Ok(key.clone());
    }
    let file = config.data_dir.join(FILE);
    if !file.exists() {
        make(&config.data_dir, &file).with_context(|| format!("{} cannot be made", file.display()))?;
    }
    let key = fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    SigningSecret::new(key.trim()).with_context(|| format!("{}: delete it, and a new one is made", file.display()))
}

/// Writes it whole under another name first, so that nobody ever reads half a key; of two who make one, the first wins.
fn make(directory: &Path, file: &Path) -> anyhow::Result<()> {
    let mut bytes = [0; KEY_LENGTH_BYTES];
    getrandom::fill(&mut bytes)?;
    let key = bytes.iter().fold(String::new(), |mut key, byte| {
        let _ = write!(key, "{byte:02x}");
        key
    });
    fs::create_dir_all(directory)?;
    let draft = directory.join(format!("{FILE}.{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut written = options.open(&draft)?;
    written.write_all(key.as_bytes())?;
    written.sync_all()?;
    let linked = fs::hard_link(&draft, file);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}
