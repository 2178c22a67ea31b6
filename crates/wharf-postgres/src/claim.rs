//! Taking what is due, under a lease.

use std::time::Duration;

use sqlx::{Row, postgres::PgRow};
use wharf::{
    Delivery, Error, Timestamp, micros,
    ports::{Claim, Claimed, Lease, Turns},
};

use crate::{
    Postgres,
    error::failed,
    row::{RANK, message_columns, read_count, read_message},
    turns,
};

/// When the next delivery of the endpoint `$1` will be due that is not yet, by one look into the index for each rank.
macro_rules! next_fresh {
    () => {
        "(SELECT min(later.not_before)
          FROM (VALUES (0::smallint), (1), (2)) AS ranks(rank) CROSS JOIN LATERAL (
              SELECT not_before FROM wharf.deliveries
              WHERE endpoint = $1 AND rank = ranks.rank AND not_before > (SELECT now FROM clock)
              ORDER BY endpoint, rank, not_before LIMIT 1) AS later)"
    };
}
pub(crate) use next_fresh;

/// Rows are found and locked by the index, rank by rank and no further than needed, then updated by their place in the
/// table, which no other form of this statement does as fast. What another claim holds locked is passed over; so are
/// survivors, where none is wanted: as many as crashed workers held at most. What was found is taken, or the first
/// survivor of it alone; the locks of the others go with the statement.
///
/// The answer has at least one row, so that an endpoint without work still hears how long until its next, or until the
/// first of the leases ends: one round trip tells both. Both are judged by one reading of the clock, or what falls due
/// between two would be seen by neither. A full batch asks for neither: behind it a whole backlog may be due.
const CLAIM: &str = concat!(
    "WITH clock AS MATERIALIZED (SELECT wharf.wharf_now() AS now),
     found AS MATERIALIZED (
         SELECT due.* FROM (VALUES (0::smallint), (1), (2)) AS ranks(rank) CROSS JOIN LATERAL (
             SELECT ctid AS place, held_until > 0 AS survives FROM wharf.deliveries
             WHERE endpoint = $1 AND rank = ranks.rank AND not_before <= (SELECT now FROM clock)
               AND held_until <= (SELECT CASE WHEN $4 THEN now ELSE 0 END FROM clock)
             ORDER BY endpoint, rank, not_before, id LIMIT $2 FOR UPDATE SKIP LOCKED) AS due
         LIMIT $2),
     claimed AS (
         UPDATE wharf.deliveries
         SET held_until = (SELECT now FROM clock) + $3, epoch = epoch + 1, lost_leases = lost_leases + (held_until > 0)::int,
             crashes = crashes + alone::int, alone = held_until > 0
         WHERE ctid = ANY(ARRAY(
             SELECT place FROM found
             WHERE place = coalesce((SELECT place FROM found WHERE survives LIMIT 1), place)))
         RETURNING id, epoch, not_before, alone, lost_leases, (SELECT now FROM clock) AS now, unknown_since, ",
    message_columns!(),
    ")
     SELECT next.wait, claimed.*
     FROM (SELECT CASE WHEN (SELECT count(*) FROM found) < $2 THEN
               least(",
    next_fresh!(),
    ",
                     (SELECT min(held_until) FROM wharf.deliveries
                      WHERE endpoint = $1 AND rank = ANY('{0,1,2}') AND not_before <= (SELECT now FROM clock)
                        AND held_until > (SELECT now FROM clock)))
               - (SELECT now FROM clock) END) AS next(wait)
     LEFT JOIN claimed ON true"
);

/// See [`Transport::claim`](wharf::ports::Transport::claim).
pub(crate) async fn claim(engine: &Postgres, claim: &Claim<'_>) -> Result<Claimed, Error> {
    let what = |error| failed("claim deliveries", error);
    let rows = match claim.turns {
        Turns::Free => claim_freely(engine, claim).await?,
        turns @ (Turns::OneAtATime | Turns::Ordered { .. }) => turns::claim(engine, claim, turns).await?,
    };
    let claimed = read(engine, rows).map_err(what)?;
    if !claimed.deliveries.is_empty() {
        engine.committed([]);
    }
    Ok(claimed)
}

async fn claim_freely(engine: &Postgres, claim: &Claim<'_>) -> Result<Vec<PgRow>, Error> {
    let mut lane = engine.post().take().await?;
    let query = sqlx::query(CLAIM).bind(claim.endpoint).bind(i64::try_from(claim.max).unwrap_or(i64::MAX));
    let rows = query.bind(micros(claim.lease)).bind(claim.survivors).fetch_all(&mut *lane).await;
    lane.done(rows).await.map_err(|error| failed("claim deliveries", error))
}

/// Reads rows of a wait, of what is claimed, and of its message. Each row goes as it is read, so that a large claim does
/// not stand in memory twice.
fn read(engine: &Postgres, rows: Vec<PgRow>) -> Result<Claimed, sqlx::Error> {
    let wait: Option<i64> = rows.first().map(|row| row.try_get(0)).transpose()?.flatten();
    let mut held = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(id) = row.try_get::<Option<i64>, _>(1)? else { continue };
        let (rank, not_before): (i16, i64) = (row.try_get(MESSAGE + RANK)?, row.try_get(3)?);
        held.push(((rank, not_before, id), row));
    }
    // They come in the order of their places in the table.
    held.sort_unstable_by_key(|(due, _)| *due);
    let mut deliveries = Vec::with_capacity(held.len());
    for ((.., id), row) in held {
        deliveries.push(read_delivery(id, &row)?);
    }
    // A span of the database's time, counted from our own now: the two clocks need not agree.
    let now = engine.clock().now();
    let next_due = wait.map(|wait| now + Duration::from_micros(u64::try_from(wait).unwrap_or(0)));
    Ok(Claimed { deliveries, next_due })
}

/// Where the columns of the message begin.
const MESSAGE: usize = 8;

fn read_delivery(id: i64, row: &PgRow) -> Result<Delivery, sqlx::Error> {
    let lease = Lease { id, epoch: row.try_get(2)? };
    let now = Timestamp::from_micros(row.try_get(6)?);
    let (envelope, body) = read_message(row, MESSAGE)?;
    let mut delivery = Delivery::new(lease, envelope, body);
    delivery.is_survivor = row.try_get(4)?;
    delivery.lost_leases = read_count(row, 5)?;
    delivery.is_expired = delivery.envelope.expires_at.is_some_and(|expires_at| expires_at <= now);
    delivery.unknown_for = row.try_get::<Option<i64>, _>(7)?.map(|since| now.since(Timestamp::from_micros(since)));
    Ok(delivery)
}
