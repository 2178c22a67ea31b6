//! PgBouncer for the tests that work through a pooler: this machine's, or Debian's when root.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{debian, machine::folders_on_path};

/// The variable that brings the program's path to the tests, which start it themselves.
pub(crate) const TEST_PGBOUNCER: &str = "TEST_PGBOUNCER";

const PACKAGE: &str = "pgbouncer";

/// Where Debian puts it, which only root has on its PATH.
const DEBIAN_FOLDER: &str = "/usr/sbin";

/// `None` where it cannot be had. Unlike PostgreSQL, it is not worth a failure: one engine's tests need it, and say so.
pub(crate) fn find_or_install() -> Result<Option<PathBuf>> {
    if let Some(program) = find() {
        return Ok(Some(program));
    }
    if !debian::can_install()? {
        return Ok(None);
    }
    debian::install(PACKAGE)?;
    Ok(find())
}

fn find() -> Option<PathBuf> {
    let folders = folders_on_path().chain([Path::new(DEBIAN_FOLDER).to_owned()]);
    folders.map(|folder| folder.join(PACKAGE)).find(|program| program.is_file())
}
