//! A message as it stands in a row.

use std::sync::Arc;

use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;
use wharf::{Envelope, Key, Kind, Priority, Tenant, Timestamp, Trail};

/// The columns that [`read_message`] reads, in its order.
macro_rules! message_columns {
    () => {
        "message_id, name, version, kind, key, tenant, sent_at, attempt, crashes, redrives, trail, body, rank, expires_at"
    };
}
pub(crate) use message_columns;

/// Which of them is the rank.
pub(crate) const RANK: usize = 12;

/// Reads the message whose columns begin at `first`.
pub(crate) fn read_message(row: &PgRow, first: usize) -> Result<(Envelope, Arc<str>), sqlx::Error> {
    let text = |column: usize| row.try_get::<&str, _>(first + column);
    let count = |column: usize| read_count(row, first + column);
    let envelope = Envelope {
        id: row.try_get::<Uuid, _>(first)?,
        name: Arc::from(text(1)?),
        // A version that no message can have is one that nobody knows.
        version: u16::try_from(row.try_get::<i32, _>(first + 2)?).unwrap_or(u16::MAX),
        kind: read_kind(text(3)?),
        key: Key::from_stored(text(4)?.to_owned()),
        tenant: Tenant::new(text(5)?),
        sent_at: Timestamp::from_micros(row.try_get(first + 6)?),
        attempt: count(7)?,
        crashes: count(8)?,
        redrives: count(9)?,
        priority: Priority::from_rank(row.try_get(first + RANK)?),
        expires_at: row.try_get::<Option<i64>, _>(first + 13)?.map(Timestamp::from_micros),
        trail: read_trail(text(10)?),
    };
    Ok((envelope, Arc::from(text(11)?)))
}

/// A count; what a foreign hand made negative is none.
pub(crate) fn read_count(row: &PgRow, column: usize) -> Result<u32, sqlx::Error> {
    row.try_get::<i32, _>(column).map(|count| u32::try_from(count).unwrap_or(0))
}

/// A kind as it is stored.
pub(crate) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Command => "command",
        Kind::Event => "event",
        Kind::Job => "job",
    }
}

/// Reads what [`kind_name`] wrote.
pub(crate) fn read_kind(name: &str) -> Kind {
    [Kind::Command, Kind::Job].into_iter().find(|kind| kind_name(*kind) == name).unwrap_or(Kind::Event)
}

/// A trail written by a foreign hand must not keep the rest of its batch from being claimed: it begins anew.
pub(crate) fn read_trail(json: &str) -> Trail {
    serde_json::from_str(json).unwrap_or_else(|_| Trail::begin(Arc::from("unknown")))
}
