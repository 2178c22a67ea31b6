//! Putting messages into the table, alone or as a part of a larger statement.

use sqlx::{Postgres, postgres::PgArguments, query::Query};
use uuid::Uuid;
use wharf::{Error, Outgoing, Trail, micros};

use crate::{error::failed, row::kind_name};

/// Inserts what [`Columns::bind`] binds as `$1` to `$11`, in that order; `$from` may join and restrict the rows `o`.
macro_rules! insert_outgoing {
    ($from:literal) => {
        concat!(
            "INSERT INTO wharf.deliveries
                 (tenant, endpoint, not_before, message_id, name, version, kind, key, sent_at, trail, body)
             SELECT o.tenant, o.endpoint, (SELECT wharf.wharf_now()) + o.delay, o.message_id, o.name, o.version, o.kind,
                    o.key, o.sent_at, o.trail, o.body
             FROM ",
            $from,
            " ORDER BY o.place"
        )
    };
}
pub(crate) use insert_outgoing;

/// Inserts the one message that [`bind_one`] binds as `$1` to `$11`, once for each row of `$from`.
macro_rules! insert_one {
    ($from:literal) => {
        concat!(
            "INSERT INTO wharf.deliveries
                 (tenant, endpoint, not_before, message_id, name, version, kind, key, sent_at, trail, body)
             SELECT $1::text, $2::text, (SELECT wharf.wharf_now()) + $3::bigint, $4::uuid, $5::text, $6::int, $7::text,
                    $8::text, $9::bigint, $10::text, $11::text
             FROM ",
            $from
        )
    };
}
pub(crate) use insert_one;

const SEND: &str = insert_outgoing!(
    "unnest($1::text[], $2::text[], $3::bigint[], $4::uuid[], $5::text[], $6::int[], $7::text[], $8::text[],
            $9::bigint[], $10::text[], $11::text[]) WITH ORDINALITY
     AS o(tenant, endpoint, delay, message_id, name, version, kind, key, sent_at, trail, body, place)"
);

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
    }

    /// Binds them as the statement's next eleven parameters.
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
    }
}

/// Binds one message as the statement's next eleven parameters.
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
}

/// The endpoints that these messages go to.
pub(crate) fn endpoints(outgoing: &[Outgoing]) -> impl Iterator<Item = &str> + Clone {
    outgoing.iter().map(|one| &*one.endpoint)
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
    let columns = Columns::of(batch);
    let mut lane = engine.post().take().await?;
    let sent = columns.bind(sqlx::query(SEND)).execute(&mut *lane).await;
    lane.done(sent).await.map_err(|error| failed("send", error))?;
    engine.committed(endpoints(batch));
    Ok(())
}

/// Sends within an open transaction.
pub(crate) async fn send_within(connection: &mut sqlx::PgConnection, batch: &[Outgoing]) -> Result<(), Error> {
    let columns = Columns::of(batch);
    let sent = columns.bind(sqlx::query(SEND)).execute(connection).await;
    sent.map_err(|error| failed("send", error))?;
    Ok(())
}
