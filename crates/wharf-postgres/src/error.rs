//! What the database says, as an error of wharf's: with a code, and with what was attempted.

use wharf::{Code, Error};

/// A SQLSTATE: the statement came after one that failed in the same transaction.
const IN_FAILED_TRANSACTION: &str = "25P02";

/// An error of the database while `what` was attempted, such as `claim deliveries`.
pub(crate) fn failed(what: &str, error: sqlx::Error) -> Error {
    let sqlstate = sqlstate(&error);
    if sqlstate.as_deref() == Some(IN_FAILED_TRANSACTION) {
        let message = format!("cannot {what}: an earlier statement failed and its error was not returned");
        return Error::new(Code::ENGINE_FAILED, message).caused_by(error);
    }
    let code = match sqlstate.as_deref() {
        Some("53100") => Code::DISK_FULL,
        Some(state) if is_unreachable(state) => Code::ENGINE_UNREACHABLE,
        None if is_lost(&error) => Code::ENGINE_UNREACHABLE,
        Some(_) | None => Code::ENGINE_FAILED,
    };
    Error::new(code, format!("cannot {what}")).caused_by(error)
}

/// An error while a connection was made. What speaks otherwise than PostgreSQL does is not it: it is away, and another has
/// its port.
pub(crate) fn not_connected(error: sqlx::Error) -> Error {
    if matches!(error, sqlx::Error::Protocol(_)) {
        return Error::new(Code::ENGINE_UNREACHABLE, "cannot connect to PostgreSQL").caused_by(error);
    }
    failed("connect to PostgreSQL", error)
}

/// Whether a statement was refused because one before it in the same transaction had failed.
pub(crate) fn is_of_failed_transaction(error: &sqlx::Error) -> bool {
    sqlstate(error).as_deref() == Some(IN_FAILED_TRANSACTION)
}

/// Whether the connection that said this can no longer be used.
pub(crate) fn is_broken(error: &sqlx::Error) -> bool {
    // Whatever is no answer of the server's leaves a conversation that nobody can take up again.
    sqlstate(error).is_none_or(|state| is_unreachable(&state))
}

/// Whether an answer could not be had, rather than being one we do not like.
fn is_lost(error: &sqlx::Error) -> bool {
    use sqlx::Error as E;
    #[expect(clippy::wildcard_enum_match_arm, reason = "sqlx may add kinds of errors; they are no lost connections")]
    match error {
        // The address itself may be wrong, too.
        E::Configuration(_) | E::Io(_) | E::Tls(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed => true,
        _ => false,
    }
}

/// Connection lost (08), wrong credentials (28), no such database (3D000), too many connections (53300), server stops or
/// starts (57P01 to 57P03).
fn is_unreachable(sqlstate: &str) -> bool {
    sqlstate.starts_with("08")
        || sqlstate.starts_with("28")
        || matches!(sqlstate, "3D000" | "53300" | "57P01" | "57P02" | "57P03")
}

/// What kind of error the server says it is; `None` when the server did not say it.
pub(crate) fn sqlstate(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(|code| code.into_owned())
}
