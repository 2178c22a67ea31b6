//! One owner for each file: a lock beside the database, which the system lets go when its process ends, however it ends.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

use wharf::{Code, Error};

/// How long a child is given to begin its program.
const BIRTH: [Duration; 3] = [Duration::from_millis(5), Duration::from_millis(20), Duration::from_millis(75)];

/// Held for as long as this process may write to the database.
#[derive(Debug)]
pub(crate) struct Lock {
    // The lock goes with the file handle.
    _file: File,
}

impl Lock {
    /// Takes the lock of this database. Waits no longer than a child may hold it that its owner has just begotten: until it
    /// begins its own program, a child has whatever files its parent had.
    pub(crate) async fn take(database: &Path) -> Result<Self, Error> {
        for pause in BIRTH {
            match Self::try_take(database) {
                Err(error) if error.code() == Code::ALREADY_OWNED => tokio::time::sleep(pause).await,
                taken => return taken,
            }
        }
        Self::try_take(database)
    }

    fn try_take(database: &Path) -> Result<Self, Error> {
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
