//! Putting messages into the table, alone or as a part of a larger statement.

use sqlx::{Postgres, postgres::PgArguments, query::Query};
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
    /// The columns of these messages.
    pub(crate) fn of(outgoing: impl IntoIterator<Item = &'a Outgoing>) -> Self {
        let mut columns = Self::default();
        outgoing.into_iter().for_each(|one| columns.push(one));
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
    let query = match batch {
        [one] => bind_one(sqlx::query(SEND_ONE), one),
        many => Columns::of(many).bind(sqlx::query(SEND)),
    };
    let mut lane = engine.post().take().await?;
    let sent = query.execute(&mut *lane).await;
    lane.done(sent).await.map_err(|error| failed("send", error))?;
    engine.committed(rings(batch));
    Ok(())
}

/// Sends within an open transaction.
pub(crate) async fn send_within(connection: &mut sqlx::PgConnection, batch: &[Outgoing]) -> Result<(), Error> {
    let columns = Columns::of(batch);
    let sent = columns.bind(sqlx::query(SEND)).execute(connection).await;
    sent.map_err(|error| failed("send", error))?;
    Ok(())
}
