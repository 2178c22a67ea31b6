//! The table of deliveries: rows out of messages, and messages out of rows.
//!
//! Both ways rows travel as one JSON document. Each argument bound and each column read by itself costs an allocation and
//! a lock or two within SQLite, which for hundreds of rows of fourteen columns is more than everything else.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;
use wharf::{Code, Envelope, Error, Key, Kind, Outgoing, Tenant, Timestamp, Trail};

use crate::{
    error::unreadable,
    script::{Ran, Script},
    turn::Bell,
};

/// Sends one message for each element of a JSON array. `jsonb_each` and not `json_each`: its elements are not text that
/// every `->>` would parse again.
const SEND: &str = "
INSERT INTO wharf_deliveries (endpoint, not_before, tenant, attempt, crashes, redrives, message_id, name, version, kind,
                              key, sent_at, trail, body)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8,
       value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13
FROM jsonb_each(?)";

/// A message as [`SEND`] takes it apart.
type Sent<'a> =
    (&'a str, Timestamp, &'a Tenant, u32, u32, u32, Uuid, &'a str, u16, Kind, &'a Key, Timestamp, &'a Trail, &'a str);

/// Adds the statement that sends these messages, if there are any.
pub(crate) fn send<'a>(
    script: Script,
    outgoing: impl IntoIterator<Item = &'a Outgoing>,
    now: Timestamp,
) -> Result<Script, Error> {
    let rows: Vec<Sent<'a>> = outgoing.into_iter().map(|outgoing| sent(outgoing, now)).collect();
    if rows.is_empty() {
        return Ok(script);
    }
    Ok(script.write_exactly(rows.len(), SEND).bind(json(&rows)?))
}

fn sent(outgoing: &Outgoing, now: Timestamp) -> Sent<'_> {
    let envelope = &outgoing.envelope;
    (
        &outgoing.endpoint,
        now + outgoing.delay,
        &envelope.tenant,
        envelope.attempt,
        envelope.crashes,
        envelope.redrives,
        envelope.id,
        &envelope.name,
        envelope.version,
        envelope.kind,
        &envelope.key,
        envelope.sent_at,
        &envelope.trail,
        &outgoing.body,
    )
}

/// The bells to ring when these messages are committed, each once, with the time until its first message is due.
pub(crate) fn bells<'a>(outgoing: impl IntoIterator<Item = &'a Outgoing>) -> Vec<Bell> {
    let mut bells: Vec<Bell> = Vec::new();
    for one in outgoing {
        match bells.iter_mut().find(|(endpoint, _)| *endpoint == one.endpoint) {
            Some((_, due_in)) => *due_in = one.delay.min(*due_in),
            None => bells.push((Arc::clone(&one.endpoint), one.delay)),
        }
    }
    bells
}

/// The columns of a [`Stored`] message, as JSON.
macro_rules! stored {
    () => {
        "json_array(tenant, attempt, crashes, redrives, message_id, name, version, kind, key, sent_at, trail, body)"
    };
}
pub(crate) use stored;

/// A message as it is stored. It reads what [`stored`] writes, so their orders are one.
#[derive(Debug, Deserialize)]
pub(crate) struct Stored<'a> {
    tenant: Tenant,
    attempt: u32,
    crashes: u32,
    redrives: u32,
    message_id: Uuid,
    #[serde(borrow)]
    name: Cow<'a, str>,
    version: u16,
    kind: Kind,
    key: Key,
    sent_at: Timestamp,
    #[serde(borrow)]
    trail: Cow<'a, str>,
    #[serde(borrow)]
    body: Cow<'a, str>,
}

impl Stored<'_> {
    /// The envelope and the body.
    pub(crate) fn open(self) -> Result<(Envelope, Arc<str>), Error> {
        let envelope = Envelope {
            id: self.message_id,
            name: Arc::from(self.name),
            version: self.version,
            kind: self.kind,
            key: self.key,
            tenant: self.tenant,
            sent_at: self.sent_at,
            attempt: self.attempt,
            crashes: self.crashes,
            redrives: self.redrives,
            trail: serde_json::from_str(&self.trail).map_err(|error| unreadable("a trail", error))?,
        };
        Ok((envelope, Arc::from(self.body)))
    }
}

/// Reads the rows that a `json_group_array` returned, which come in no promised order.
pub(crate) fn rows<'r, T: Deserialize<'r>>(ran: Option<&'r Ran>) -> Result<Vec<T>, Error> {
    let Some(row) = ran.and_then(|ran| ran.rows.first()) else { return Ok(Vec::new()) };
    serde_json::from_str(column(row, 0)?).map_err(|error| unreadable("rows", error))
}

/// One column of a row.
pub(crate) fn column<'r, T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>>(
    row: &'r SqliteRow,
    index: usize,
) -> Result<T, Error> {
    sqlx::Row::try_get(row, index).map_err(|error| unreadable("a column", error))
}

/// Rows on their way into a statement.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value)
        .map_err(|error| Error::new(Code::ENGINE_FAILED, "could not write rows as JSON").caused_by(error))
}
