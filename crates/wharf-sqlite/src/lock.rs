//! One owner for each file: a lock beside the database, which the system lets go when its process ends, however it ends.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
};

use wharf::{Code, Error};

/// Held for as long as this process may write to the database.
#[derive(Debug)]
pub(crate) struct Lock {
    // The lock goes with the file handle.
    _file: File,
}

impl Lock {
    /// Takes the lock of this database, without waiting.
    pub(crate) fn take(database: &Path) -> Result<Self, Error> {
        let path = beside(database);
        let failed = |error| {
            Error::new(Code::ENGINE_UNREACHABLE, format!("could not lock `{}`", path.display())).caused_by(error)
        };
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::new(
                Code::ALREADY_OWNED,
                format!("another process works on `{}` (it holds `{}`)", database.display(), path.display()),
            )),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

/// `app.db` is locked by `app.db.lock`.
fn beside(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    PathBuf::from(path)
}
