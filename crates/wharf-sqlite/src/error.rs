//! SQLite's errors as wharf's, each naming what was attempted.

use wharf::{Code, Error};

/// An error of sqlx, met while `doing` something, such as "claim deliveries".
pub(crate) fn failed(doing: &str, error: sqlx::Error) -> Error {
    Error::new(code(&error), format!("could not {doing}")).caused_by(error)
}

/// What is told to everybody who waited for one and the same thing.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    code: Code,
    message: String,
}

impl Trouble {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn from_sqlx(doing: &str, error: &sqlx::Error) -> Self {
        Self::new(code(error), format!("could not {doing}: {error}"))
    }

    pub(crate) fn error(&self) -> Error {
        Error::new(self.code, self.message.clone())
    }
}

/// A row of ours that does not read as what it must be: another program wrote it.
pub(crate) fn unreadable(what: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Code::ENGINE_FAILED, format!("could not read {what}")).caused_by(error)
}

/// The code for an error of sqlx.
pub(crate) fn code(error: &sqlx::Error) -> Code {
    if let sqlx::Error::Database(database) = error {
        // The low byte of the extended code; https://www.sqlite.org/rescode.html
        let extended = database.code().and_then(|code| code.parse::<u32>().ok());
        return match extended.map(|code| code & 0xff) {
            Some(SQLITE_FULL) => Code::DISK_FULL,
            Some(SQLITE_BUSY | SQLITE_LOCKED | SQLITE_CANTOPEN) => Code::ENGINE_UNREACHABLE,
            _ => Code::ENGINE_FAILED,
        };
    }
    let gone = matches!(
        error,
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed
    );
    if gone { Code::ENGINE_UNREACHABLE } else { Code::ENGINE_FAILED }
}

const SQLITE_BUSY: u32 = 5;
const SQLITE_LOCKED: u32 = 6;
const SQLITE_FULL: u32 = 13;
const SQLITE_CANTOPEN: u32 = 14;
