//! Putting messages into the table, alone or as a part of a larger statement.

use sqlx::{Acquire, PgConnection, Postgres, postgres::PgArguments, query::Query};
use uuid::Uuid;
use wharf::{Error, Outgoing, Timestamp, Trail, micros, ports::Ring};

use crate::{error::failed, row::kind_name};

/// The rows that [`Columns::bind`] binds as `$1` to `$15`, in their order.
macro_rules! outgoing_rows {
    () => {
        "unnest($1::text[], $2::text[], $3::bigint[], $4::uuid[], $5::text[], $6::int[], $7::text[], $8::text[],
                $9::bigint[], $10::text[], $11::text[], $12::smallint[], $13::bigint[], $14::bigint[], $15::text[])
             WITH ORDINALITY
         AS o(tenant, endpoint, delay, message_id, name, version, kind, key, sent_at, trail, body, rank, expires_in,
              expires_at, turn, nth)"
    };
}
pub(crate) use outgoing_rows;

/// Inserts the rows `o` of this `FROM` clause, which may join and restrict [`outgoing_rows`].
macro_rules! insert_outgoing {
    ($($from:tt)*) => {
        concat!(
            "INSERT INTO wharf.deliveries
                 (tenant, endpoint, not_before, message_id, name, version, kind, key, sent_at, trail, body, rank,
                  expires_at, turn, place)
             SELECT o.tenant, o.endpoint, now.now + o.delay, o.message_id, o.name, o.version, o.kind, o.key, o.sent_at,
                    o.trail, o.body, o.rank, coalesce(now.now + o.expires_in, o.expires_at), o.turn,
                    CASE WHEN o.turn IS NOT NULL THEN now.now + o.delay END
             FROM (SELECT wharf.wharf_now()) AS now(now), ",
            $($from)*,
            " ORDER BY o.nth"
        )
    };
}
pub(crate) use insert_outgoing;

/// Inserts the one message that [`bind_one`] binds as `$1` to `$15`, once for each row of `$from`.
macro_rules! insert_one {
    ($from:literal) => {
        concat!(
            "INSERT INTO wharf.deliveries
                 (tenant, endpoint, not_before, message_id, name, version, kind, key, sent_at, trail, body, rank,
                  expires_at, turn, place)
             SELECT $1::text, $2::text, now.now + $3::bigint, $4::uuid, $5::text, $6::int, $7::text, $8::text, $9::bigint,
                    $10::text, $11::text, $12::smallint, coalesce(now.now + $13::bigint, $14::bigint), $15::text,
                    CASE WHEN $15::text IS NOT NULL THEN now.now + $3::bigint END
             FROM (SELECT wharf.wharf_now()) AS now(now), ",
            $from
        )
    };
}
pub(crate) use insert_one;

pub(crate) const SEND: &str = insert_outgoing!(outgoing_rows!());

/// The same for exactly one.
const SEND_ONE: &str = insert_one!("(SELECT) AS once");

/// Jobs each of which is to be the only one of its key: those that are not go nowhere. A statement of its own, as looking
/// for another costs every row. `$16` asks for a transaction that wharf opened.
const SEND_UNIQUE: &str = "
    INSERT INTO wharf.deliveries
        (tenant, endpoint, not_before, message_id, name, version, kind, key, sent_at, trail, body, rank, expires_at, turn,
         place, unique_key)
    SELECT $1, $2, now.now + $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, coalesce(now.now + $13, $14), $15,
           CASE WHEN $15 IS NOT NULL THEN now.now + $3 END, $17
    FROM (SELECT wharf.wharf_now()) AS now(now)
    WHERE NOT $16 OR current_setting('wharf.transaction', true) = 'open'
    ON CONFLICT (tenant, name, unique_key) WHERE unique_key IS NOT NULL DO NOTHING";

/// Whether it is to be the only one of its key.
pub(crate) fn is_unique(one: &Outgoing) -> bool {
    one.unique.is_some()
}

/// Those of these messages.
pub(crate) fn unique_of<'a>(outgoing: impl IntoIterator<Item = &'a Outgoing>) -> Vec<&'a Outgoing> {
    outgoing.into_iter().filter(|one| is_unique(one)).collect()
}

/// Sends such messages within a transaction: `ours` says whether it is one that wharf opened. Returns how many were not
/// the only ones, and went nowhere.
pub(crate) async fn send_unique(
    connection: &mut PgConnection,
    unique: &[&Outgoing],
    ours: bool,
) -> Result<u64, sqlx::Error> {
    let mut kept_out = unique.len() as u64;
    for one in unique {
        let query = bind_one(sqlx::query(SEND_UNIQUE), one).bind(ours).bind(one.unique.as_deref());
        kept_out -= query.execute(&mut *connection).await?.rows_affected();
    }
    Ok(kept_out)
}

/// Outgoing messages, column by column.
#[derive(Debug, Default)]
pub(crate) struct Columns<'a> {
    tenant: Vec<&'a str>,
    endpoint: Vec<&'a str>,
    delay: Vec<i64>,
    message_id: Vec<Uuid>,
    name: Vec<&'a str>,
    version: Vec<i32>,
    kind: Vec<&'a str>,
    key: Vec<&'a str>,
    sent_at: Vec<i64>,
    trail: Vec<String>,
    body: Vec<&'a str>,
    rank: Vec<i16>,
    expires_in: Vec<Option<i64>>,
    expires_at: Vec<Option<i64>>,
    turn: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    /// The columns of these messages, but for those that [`send_unique`] sends.
    pub(crate) fn of(outgoing: impl IntoIterator<Item = &'a Outgoing>) -> Self {
        let mut columns = Self::default();
        outgoing.into_iter().filter(|one| !is_unique(one)).for_each(|one| columns.push(one));
        columns
    }

    fn push(&mut self, one: &'a Outgoing) {
        let envelope = &one.envelope;
        self.trail.push(write_trail(&envelope.trail));
        self.tenant.push(envelope.tenant.as_str());
        self.endpoint.push(&one.endpoint);
        self.delay.push(micros(one.delay));
        self.message_id.push(envelope.id);
        self.name.push(&envelope.name);
        self.version.push(i32::from(envelope.version));
        self.kind.push(kind_name(envelope.kind));
        self.key.push(envelope.key.as_str());
        self.sent_at.push(envelope.sent_at.as_micros());
        self.body.push(&one.body);
        self.rank.push(envelope.priority.rank());
        self.expires_in.push(one.expires_in.map(micros));
        self.expires_at.push(envelope.expires_at.map(Timestamp::as_micros));
        self.turn.push(one.turn.as_deref());
    }

    /// Binds them as the statement's next fifteen parameters.
    pub(crate) fn bind(self, query: Query<'_, Postgres, PgArguments>) -> Query<'_, Postgres, PgArguments> {
        query
            .bind(self.tenant)
            .bind(self.endpoint)
            .bind(self.delay)
            .bind(self.message_id)
            .bind(self.name)
            .bind(self.version)
            .bind(self.kind)
            .bind(self.key)
            .bind(self.sent_at)
            .bind(self.trail)
            .bind(self.body)
            .bind(self.rank)
            .bind(self.expires_in)
            .bind(self.expires_at)
            .bind(self.turn)
    }
}

/// Binds one message as the statement's next fifteen parameters.
pub(crate) fn bind_one<'q>(
    query: Query<'q, Postgres, PgArguments>,
    one: &Outgoing,
) -> Query<'q, Postgres, PgArguments> {
    let envelope = &one.envelope;
    query
        .bind(envelope.tenant.as_str())
        .bind(&*one.endpoint)
        .bind(micros(one.delay))
        .bind(envelope.id)
        .bind(&*envelope.name)
        .bind(i32::from(envelope.version))
        .bind(kind_name(envelope.kind))
        .bind(envelope.key.as_str())
        .bind(envelope.sent_at.as_micros())
        .bind(write_trail(&envelope.trail))
        .bind(&*one.body)
        .bind(envelope.priority.rank())
        .bind(one.expires_in.map(micros))
        .bind(envelope.expires_at.map(Timestamp::as_micros))
        .bind(one.turn.as_deref())
}

/// What is to ring once these messages are committed.
pub(crate) fn rings(outgoing: &[Outgoing]) -> impl Iterator<Item = Ring<'_>> + Clone {
    outgoing.iter().map(Ring::from)
}

/// A trail as it is stored. It is made of texts and ids, all of which JSON has.
pub(crate) fn write_trail(trail: &Trail) -> String {
    serde_json::to_string(trail).unwrap_or_default()
}

/// Sends a batch in one commit of its own.
pub(crate) async fn send(engine: &crate::Postgres, batch: &[Outgoing]) -> Result<(), Error> {
    if batch.is_empty() {
        return Ok(());
    }
    let mut lane = engine.post().take().await?;
    if batch.iter().any(is_unique) {
        let what = |error| failed("send", error);
        let mut transaction = lane.begin().await.map_err(what)?;
        send_within(&mut transaction, batch).await?;
        transaction.commit().await.map_err(what)?;
        lane.finish().await.map_err(what)?;
    } else {
        let query = match batch {
            [one] => bind_one(sqlx::query(SEND_ONE), one),
            many => Columns::of(many).bind(sqlx::query(SEND)),
        };
        let sent = query.execute(&mut *lane).await;
        lane.done(sent).await.map_err(|error| failed("send", error))?;
    }
    engine.committed(rings(batch));
    Ok(())
}

/// Sends within an open transaction. Returns how many were kept out by others of their unique key.
pub(crate) async fn send_within(connection: &mut PgConnection, batch: &[Outgoing]) -> Result<u64, Error> {
    send_plain(connection, batch).await.map_err(|error| failed("send", error))?;
    send_unique(connection, &unique_of(batch), false).await.map_err(|error| failed("send", error))
}

/// Sends those of them that [`send_unique`] does not.
pub(crate) async fn send_plain(connection: &mut PgConnection, batch: &[Outgoing]) -> Result<(), sqlx::Error> {
    Columns::of(batch).bind(sqlx::query(SEND)).execute(connection).await.map(drop)
}
