//! The table of deliveries: rows out of messages, and messages out of rows.
//!
//! Both ways rows travel as one JSON document. Each argument bound and each column read by itself costs an allocation and
//! a lock or two within SQLite, which for hundreds of rows of fourteen columns is more than everything else.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeTuple};
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;
use wharf::{Code, Envelope, Error, Key, Kind, Outgoing, Priority, Tenant, Timestamp, Trail};

use crate::{
    error::unreadable,
    script::{Ran, Script},
    turn::Bell,
};

/// Sends one message for each element of a JSON array. `jsonb_each` and not `json_each`: its elements are not text that
/// every `->>` would parse again.
const SEND: &str = "
INSERT INTO wharf_deliveries (endpoint, not_before, tenant, attempt, crashes, redrives, message_id, name, version, kind,
                              key, sent_at, trail, body, rank, expires_at, turn, place)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8,
       value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14, value ->> 15, value ->> 16,
       iif(value ->> 16 IS NULL, NULL, value ->> 1)
FROM jsonb_each(?)";

/// The same for jobs each of which is to be the only one of its key: those that are not go nowhere.
const SEND_UNIQUE: &str = "
INSERT INTO wharf_deliveries (endpoint, not_before, tenant, attempt, crashes, redrives, message_id, name, version, kind,
                              key, sent_at, trail, body, rank, expires_at, turn, place, unique_key)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8,
       value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14, value ->> 15, value ->> 16,
       iif(value ->> 16 IS NULL, NULL, value ->> 1), value ->> 17
FROM jsonb_each(?) WHERE true
ON CONFLICT (tenant, name, unique_key) WHERE unique_key IS NOT NULL DO NOTHING";

/// A message as [`SEND`] takes it apart.
struct Sent<'a> {
    outgoing: &'a Outgoing,
    now: Timestamp,
}

impl Serialize for Sent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (outgoing, envelope) = (self.outgoing, &self.outgoing.envelope);
        let expires_at = outgoing.expires_in.map(|time| self.now + time).or(envelope.expires_at);
        let mut values = serializer.serialize_tuple(18)?;
        values.serialize_element(&*outgoing.endpoint)?;
        values.serialize_element(&(self.now + outgoing.delay))?;
        values.serialize_element(&envelope.tenant)?;
        values.serialize_element(&envelope.attempt)?;
        values.serialize_element(&envelope.crashes)?;
        values.serialize_element(&envelope.redrives)?;
        values.serialize_element(&envelope.id)?;
        values.serialize_element(&*envelope.name)?;
        values.serialize_element(&envelope.version)?;
        values.serialize_element(&envelope.kind)?;
        values.serialize_element(&envelope.key)?;
        values.serialize_element(&envelope.sent_at)?;
        values.serialize_element(&envelope.trail)?;
        values.serialize_element(&*outgoing.body)?;
        values.serialize_element(&envelope.priority.rank())?;
        values.serialize_element(&expires_at)?;
        values.serialize_element(&outgoing.turn.as_deref())?;
        values.serialize_element(&outgoing.unique.as_deref())?;
        values.end()
    }
}

/// Adds the statement that sends these messages, if there are any.
pub(crate) fn send<'a>(
    script: Script,
    outgoing: impl IntoIterator<Item = &'a Outgoing>,
    now: Timestamp,
) -> Result<Script, Error> {
    let rows = outgoing.into_iter().map(|outgoing| Sent { outgoing, now });
    let (unique, plain): (Vec<_>, Vec<_>) = rows.partition(|row| row.outgoing.unique.is_some());
    let script = match plain.len() {
        0 => script,
        rows => script.write_exactly(rows, SEND).bind(json(&plain)?),
    };
    if unique.is_empty() { Ok(script) } else { Ok(script.write(SEND_UNIQUE).bind(json(&unique)?)) }
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
        "json_array(tenant, attempt, crashes, redrives, message_id, name, version, kind, key, sent_at, trail, body, rank,
                    expires_at)"
    };
}
pub(crate) use stored;

/// A message as it is stored. It reads what [`stored`] writes, so their orders are one. A foreign hand may have written
/// anything the columns hold: it is read as well as can be, so that it does not keep the rest of its batch from being
/// claimed.
#[derive(Debug, Deserialize)]
pub(crate) struct Stored<'a> {
    tenant: Tenant,
    attempt: i64,
    crashes: i64,
    redrives: i64,
    #[serde(borrow)]
    message_id: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    version: i64,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    key: Key,
    sent_at: Timestamp,
    #[serde(borrow)]
    trail: Cow<'a, str>,
    #[serde(borrow)]
    body: Cow<'a, str>,
    rank: i16,
    expires_at: Option<Timestamp>,
}

impl Stored<'_> {
    /// Its place among what is due, the first.
    pub(crate) fn rank(&self) -> i16 {
        self.rank
    }

    /// The envelope and the body.
    pub(crate) fn open(self) -> (Envelope, Arc<str>) {
        let count = |count| u32::try_from(count).unwrap_or(0);
        let envelope = Envelope {
            // The nil id is that of a message whose sender gave it none.
            id: Uuid::try_parse(&self.message_id).unwrap_or_default(),
            name: Arc::from(self.name),
            // A version that no message can have is one that nobody knows.
            version: u16::try_from(self.version).unwrap_or(u16::MAX),
            kind: match &*self.kind {
                "command" => Kind::Command,
                "job" => Kind::Job,
                _ => Kind::Event,
            },
            key: self.key,
            tenant: self.tenant,
            sent_at: self.sent_at,
            attempt: count(self.attempt),
            crashes: count(self.crashes),
            redrives: count(self.redrives),
            priority: Priority::from_rank(self.rank),
            expires_at: self.expires_at,
            trail: read_trail(&self.trail),
        };
        (envelope, Arc::from(self.body))
    }
}

/// A trail that cannot be read begins anew.
pub(crate) fn read_trail(json: &str) -> Trail {
    serde_json::from_str(json).unwrap_or_else(|_| Trail::begin(Arc::from("unknown")))
}

/// The document that a `json_group_array` returned. SQLite stores text without looking at it, so a foreign hand may have
/// put there what is no UTF-8, such as half a character at the end of a truncated body: that is replaced.
pub(crate) fn document(ran: Option<&Ran>) -> Result<Cow<'_, str>, Error> {
    let Some(row) = ran.and_then(|ran| ran.rows.first()) else { return Ok(Cow::Borrowed("[]")) };
    let bytes: &[u8] = sqlx::Row::try_get_unchecked(row, 0).map_err(|error| unreadable("rows", error))?;
    Ok(String::from_utf8_lossy(bytes))
}

/// Reads the rows of a [`document`], which come in no promised order.
pub(crate) fn rows<'r, T: Deserialize<'r>>(document: &'r str) -> Result<Vec<T>, Error> {
    serde_json::from_str(document).map_err(|error| unreadable("rows", error))
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
