//! Reading an instance that was stored: by this version of the code, by an older one, or by a newer one.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Saga;
use crate::{Code, Error, ports::SagaRow};

/// An instance as older code stored it: plain JSON, for [`Saga::migrate`] to bring one version up.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// What [`Saga::Facts`] was then.
    pub facts: Value,
    /// What [`Saga::State`] was then: `"Waiting"`, or `{"Waiting": {..}}` for a variant with fields.
    pub state: Value,
}

impl Stored {
    fn parse(row: &SagaRow) -> Result<Self, Error> {
        let part = |what, json| serde_json::from_str(json).map_err(|error| unreadable(row, what, error));
        Ok(Self { facts: part("facts", &row.facts)?, state: part("state", &row.state)? })
    }
}

/// The facts and the state of a stored instance, brought up to this version of the code.
///
/// # Errors
/// `W0023`, naming the instance, the version that stored it, and what about it cannot be read.
pub(crate) fn read_stored<S: Saga>(row: &SagaRow) -> Result<(S::Facts, S::State), Error> {
    if row.version == S::VERSION {
        return Ok((parse(row, "facts", &row.facts)?, parse(row, "state", &row.state)?));
    }
    if row.version > S::VERSION {
        return Err(refused(row, format!("is newer than this code, which is version {}", S::VERSION)));
    }
    let mut stored = Stored::parse(row)?;
    for version in row.version..S::VERSION {
        let no_way = || refused(row, format!("is not migrated: `migrate` knows no way on from version {version}"));
        stored = S::migrate(version, stored).ok_or_else(no_way)?;
    }
    let migrated = |what: &str| format!("{what} migrated to version {}", S::VERSION);
    let facts = serde_json::from_value(stored.facts).map_err(|error| unreadable(row, &migrated("facts"), error))?;
    let state = serde_json::from_value(stored.state).map_err(|error| unreadable(row, &migrated("state"), error))?;
    Ok((facts, state))
}

fn parse<T: DeserializeOwned>(row: &SagaRow, what: &str, json: &str) -> Result<T, Error> {
    serde_json::from_str(json).map_err(|error| unreadable(row, what, error))
}

fn unreadable(row: &SagaRow, what: &str, error: serde_json::Error) -> Error {
    refused(row, format!("does not parse in its {what}")).caused_by(error)
}

fn refused(row: &SagaRow, why: impl std::fmt::Display) -> Error {
    let SagaRow { id, version, state_name, .. } = row;
    let message = format!("saga `{}` of {}, stored in `{state_name}` by version {version}, {why}", id.saga, id.key);
    Error::new(Code::SAGA_UNREADABLE, message)
}

/// `"Created"` or `{"PaymentProcessing": {..}}`: serde's own tag is the name.
pub(crate) fn state_name(state: &Value) -> String {
    let tag = state.as_object().and_then(|object| object.keys().next().cloned());
    tag.or_else(|| state.as_str().map(str::to_owned)).unwrap_or_else(|| "?".to_owned())
}
