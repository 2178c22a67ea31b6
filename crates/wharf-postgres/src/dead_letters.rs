//! Dead letters: found, sent round again, discarded.

use sqlx::{Postgres as Pg, Row, postgres::PgArguments, postgres::PgRow, query::Query};
use wharf::{
    Code, DeadLetter, DeadLetterFilter, Error, Timestamp,
    ports::{Cancellation, Ring, Round},
};

use crate::{
    Postgres,
    error::failed,
    inbox::Columns,
    row::{message_columns, read_message},
};

/// Makes dead letters of the deliveries `gone`, with the code and the reason that these parameters bind.
macro_rules! bury_gone {
    ($code:literal, $reason:literal) => {
        concat!(
            "INSERT INTO wharf.dead_letters (id, died_at, sent_at, message_id, attempt, crashes, redrives, version, tenant,
                                             endpoint, name, kind, key, trail, body, code, reason, rank, expires_at, turn,
                                             place)
             SELECT id, (SELECT wharf.wharf_now()), sent_at, message_id, attempt, crashes, redrives, version, tenant,
                    endpoint, name, kind, key, trail, body, ",
            $code,
            ", ",
            $reason,
            ", rank, expires_at, turn, place
             FROM gone"
        )
    };
}
pub(crate) use bury_gone;

/// What [`bind`] binds.
macro_rules! matching {
    () => {
        "($1::bigint IS NULL OR id = $1) AND ($2::text IS NULL OR tenant = $2) AND ($3::text IS NULL OR endpoint = $3)
         AND ($4::text IS NULL OR name = $4) AND ($5::text IS NULL OR code = $5)
         AND ($7::uuid IS NULL OR message_id = $7)
         ORDER BY id LIMIT $6"
    };
}

const FIND: &str = concat!(
    "SELECT id, endpoint, code, reason, died_at, ",
    message_columns!(),
    " FROM wharf.dead_letters WHERE ",
    matching!()
);

const COUNT: &str = "SELECT count(*) FROM (SELECT 1 FROM wharf.dead_letters LIMIT $1) AS counted";

/// One that another operator is just moving is passed over. In its turn it comes before those that were sent with it,
/// though its id is now a later one.
const REDRIVE: &str = concat!(
    "WITH gone AS (
         DELETE FROM wharf.dead_letters WHERE id = ANY(ARRAY(
             SELECT id FROM wharf.dead_letters WHERE ",
    matching!(),
    "        FOR UPDATE SKIP LOCKED))
         RETURNING *),
     reopened AS (
         UPDATE wharf.inbox i SET ending = 'again' FROM gone g
         WHERE i.tenant = g.tenant AND i.endpoint = g.endpoint AND i.message_id = g.message_id
           AND i.ending = 'dead-lettered'),
     again AS (
         DELETE FROM wharf.runs r USING gone g WHERE r.tenant = g.tenant AND r.id = g.message_id AND g.kind = 'job')
     INSERT INTO wharf.deliveries
         (tenant, endpoint, not_before, message_id, name, version, kind, key, sent_at, trail, body, redrives, rank, turn,
          place)
     SELECT tenant, coalesce(redrive_to, endpoint), (SELECT wharf.wharf_now()), message_id, name, version, kind, key,
            sent_at, trail, body, redrives + 1, rank, turn, place - 1
     FROM gone ORDER BY id
     RETURNING endpoint"
);

/// Not of a message whose round has ended, as seen by the snapshot that sees its letter.
const REDRIVEN: &str = "
    WITH rounds AS MATERIALIZED (
        SELECT r.* FROM unnest($1::text[], $2::text[], $3::uuid[], $4::int[]) AS r(tenant, endpoint, message_id, number)
        WHERE NOT EXISTS (
            SELECT FROM wharf.inbox i
            WHERE i.tenant = r.tenant AND i.endpoint = r.endpoint AND i.message_id = r.message_id
              AND i.rounds > r.number)),
    gone AS (
        DELETE FROM wharf.dead_letters d USING rounds r
        WHERE d.tenant = r.tenant AND d.endpoint = r.endpoint AND d.message_id = r.message_id)
    UPDATE wharf.inbox i SET ending = 'again' FROM rounds r
    WHERE i.tenant = r.tenant AND i.endpoint = r.endpoint AND i.message_id = r.message_id
      AND i.rounds <= r.number AND i.ending = 'dead-lettered'";

const DISCARD: &str = concat!(
    "DELETE FROM wharf.dead_letters WHERE id = ANY(ARRAY(
         SELECT id FROM wharf.dead_letters WHERE ",
    matching!(),
    " FOR UPDATE SKIP LOCKED))"
);

/// See [`Store::dead_letters`](wharf::ports::Store::dead_letters).
pub(crate) async fn find(engine: &Postgres, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, Error> {
    let rows = bind(FIND, filter).fetch_all(engine.pool()).await;
    let letters = rows.and_then(|rows| rows.iter().map(read).collect());
    letters.map_err(|error| failed("read dead letters", error))
}

/// See [`Store::count_dead_letters`](wharf::ports::Store::count_dead_letters).
pub(crate) async fn count(engine: &Postgres, max: u64) -> Result<u64, Error> {
    let count = sqlx::query_scalar(COUNT).bind(i64::try_from(max).unwrap_or(i64::MAX)).fetch_one(engine.pool()).await;
    let count: i64 = count.map_err(|error| failed("count dead letters", error))?;
    Ok(count.unsigned_abs())
}

/// See [`Store::redrive`](wharf::ports::Store::redrive).
pub(crate) async fn redrive(engine: &Postgres, filter: &DeadLetterFilter) -> Result<u64, Error> {
    let mut lane = engine.post().take().await?;
    let rows = bind(REDRIVE, filter).fetch_all(&mut *lane).await;
    let sent_to = lane.done(rows).await.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect());
    let sent_to: Vec<String> = sent_to.map_err(|error| failed("redrive dead letters", error))?;
    engine.committed(sent_to.iter().map(|endpoint| Ring::from(endpoint.as_str())));
    Ok(sent_to.len() as u64)
}

/// See [`Store::redriven`](wharf::ports::Store::redriven).
pub(crate) async fn redriven(engine: &Postgres, rounds: &[Round]) -> Result<(), Error> {
    let Columns { tenants, endpoints, messages, numbers } = Columns::of(rounds);
    let mut lane = engine.post().take().await?;
    let redriven = sqlx::query(REDRIVEN).bind(tenants).bind(endpoints).bind(messages).bind(numbers);
    let redriven = redriven.execute(&mut *lane).await;
    lane.done(redriven).await.map_err(|error| failed("take back redriven letters", error))?;
    engine.committed([]);
    Ok(())
}

/// What nobody works on. One that another is just moving is passed over.
const CANCEL: &str = concat!(
    "WITH gone AS (
         DELETE FROM wharf.deliveries WHERE id = ANY(ARRAY(
             SELECT id FROM wharf.deliveries
             WHERE tenant = $1 AND message_id = $2 AND held_until <= (SELECT wharf.wharf_now())
             FOR UPDATE SKIP LOCKED))
         RETURNING *),
     ended AS (
         INSERT INTO wharf.runs
             (tenant, id, ended_at, sent_at, attempts, crashes, redrives, version, job, status, key, trail, args, code,
              reason)
         SELECT tenant, message_id, (SELECT wharf.wharf_now()), sent_at, attempt, crashes, redrives, version, name,
                'cancelled', key, trail, body, $3, $4
         FROM gone WHERE kind = 'job'
         ON CONFLICT DO NOTHING),
     buried AS (",
    bury_gone!("$3", "$4"),
    " WHERE kind <> 'job')
     SELECT count(*) FROM gone"
);

/// See [`Store::cancel`](wharf::ports::Store::cancel).
pub(crate) async fn cancel(engine: &Postgres, cancellation: &Cancellation) -> Result<u64, Error> {
    let code = Code::CANCELLED;
    let mut lane = engine.post().take().await?;
    let cancelled = sqlx::query(CANCEL)
        .bind(cancellation.tenant.as_str())
        .bind(cancellation.message)
        .bind(code.to_string())
        .bind(code.meaning)
        .fetch_one(&mut *lane)
        .await
        .and_then(|row| row.try_get::<i64, _>(0));
    let cancelled = lane.done(cancelled).await.map_err(|error| failed("cancel what waits of a message", error))?;
    engine.committed([]);
    Ok(cancelled.unsigned_abs())
}

/// See [`Store::discard`](wharf::ports::Store::discard).
pub(crate) async fn discard(engine: &Postgres, filter: &DeadLetterFilter) -> Result<u64, Error> {
    let mut lane = engine.post().take().await?;
    let discarded = bind(DISCARD, filter).execute(&mut *lane).await;
    let discarded = lane.done(discarded).await.map_err(|error| failed("discard dead letters", error))?;
    engine.committed([]);
    Ok(discarded.rows_affected())
}

fn bind(sql: &'static str, filter: &DeadLetterFilter) -> Query<'static, Pg, PgArguments> {
    sqlx::query(sql)
        .bind(filter.id)
        .bind(filter.tenant.as_ref().map(|tenant| tenant.as_str().to_owned()))
        .bind(filter.endpoint.clone())
        .bind(filter.name.clone())
        .bind(filter.code.clone())
        .bind(i64::from(filter.limit_rows()))
        .bind(filter.message)
}

fn read(row: &PgRow) -> Result<DeadLetter, sqlx::Error> {
    let (envelope, body) = read_message(row, 5)?;
    Ok(DeadLetter {
        id: row.try_get(0)?,
        endpoint: row.try_get(1)?,
        envelope,
        body,
        code: row.try_get(2)?,
        reason: row.try_get(3)?,
        died_at: Timestamp::from_micros(row.try_get(4)?),
    })
}
