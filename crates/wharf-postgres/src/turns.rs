//! Claims at endpoints where deliveries of one key take turns.
//!
//! Such claims come one at a time for each endpoint, under a lock that ends with their transaction, so that each sees what
//! those before it took. They are a few statements instead of one; the statement of [`claim`](crate::claim) that takes
//! what is free is not burdened with any of it.
//!
//! A claim looks at the oldest due rows first, a few times as many as it wants. Where these are mostly of keys that may
//! not go, as when thousands of one key wait, it looks at one row of each other key instead: what that costs depends on
//! how many keys wait, never on how many rows. It begins behind the key where it left off, so that each gets its turn.

use sqlx::{Acquire, PgConnection, Row, postgres::PgRow};
use wharf::{
    Error, micros,
    ports::{Claim, Turns},
};

use crate::{Postgres, claim::next_fresh, error::failed, row::message_columns};

/// So many times what a claim wants are looked at by age, before it looks key by key.
const LOOK_AT_TIMES: usize = 4;

/// What may go of the rows `d`, which are due: nobody else of its turn is held, and in an ordered turn none is before it,
/// nor, where those hold, a dead letter that had not expired (`W0029`). Each is one look into an index. `$1` is the
/// endpoint, `$4` whether turns are ordered, `$5` whether dead letters hold.
macro_rules! may_go {
    () => {
        "NOT EXISTS (SELECT FROM wharf.deliveries busy
                     WHERE busy.endpoint = $1 AND busy.busy = d.turn AND busy.id <> d.id)
         AND (NOT $4 OR NOT EXISTS (
             SELECT FROM wharf.deliveries before
             WHERE before.endpoint = $1 AND before.turn = d.turn AND (before.place, before.id) < (d.place, d.id)))
         AND (NOT $5 OR NOT EXISTS (
             SELECT FROM wharf.dead_letters before
             WHERE before.endpoint = $1 AND before.turn = d.turn AND before.code <> 'W0029'
               AND (before.place, before.id) < (d.place, d.id)))"
    };
}

/// The oldest due rows that may go, and whether there were more to look at. `$2` is how many to look at, `$3` whether a
/// survivor may be among them.
const FIND_BY_AGE: &str = concat!(
    "WITH clock AS MATERIALIZED (SELECT wharf.wharf_now() AS now),
     due AS MATERIALIZED (
         SELECT due.* FROM (VALUES (0::smallint), (1), (2)) AS ranks(rank) CROSS JOIN LATERAL (
             SELECT id, turn, place, held_until FROM wharf.deliveries
             WHERE endpoint = $1 AND rank = ranks.rank AND not_before <= (SELECT now FROM clock)
               AND held_until <= (SELECT CASE WHEN $3 THEN now ELSE 0 END FROM clock)
             ORDER BY endpoint, rank, not_before, id LIMIT $2) AS due
         LIMIT $2)
     SELECT d.id, d.turn, d.held_until > 0, (SELECT count(*) FROM due) = $2
     FROM (VALUES (0)) AS one(row) LEFT JOIN due d ON d.turn IS NULL OR (",
    may_go!(),
    ")"
);

/// One row of each turn after `$2`, of those that may go: the first, or where turns are not ordered the first that is due.
/// At most `$6`.
const FIND_BY_TURN: &str = concat!(
    "WITH RECURSIVE clock AS MATERIALIZED (SELECT wharf.wharf_now() AS now),
     turns(turn) AS (
         (SELECT turn FROM wharf.deliveries WHERE endpoint = $1 AND turn > $2 ORDER BY endpoint, turn LIMIT 1)
         UNION ALL
         SELECT (SELECT next.turn FROM wharf.deliveries next
                 WHERE next.endpoint = $1 AND next.turn > turns.turn ORDER BY next.endpoint, next.turn LIMIT 1)
         FROM turns WHERE turns.turn IS NOT NULL)
     SELECT d.id, d.turn, d.held_until > 0
     FROM turns CROSS JOIN LATERAL (
         SELECT id, turn, place, not_before, held_until FROM wharf.deliveries first
         WHERE first.endpoint = $1 AND first.turn = turns.turn
           AND ($4 OR (first.not_before <= (SELECT now FROM clock)
                       AND first.held_until <= (SELECT CASE WHEN $3 THEN now ELSE 0 END FROM clock)))
         ORDER BY first.endpoint, first.turn, first.place, first.id LIMIT 1) AS d
     WHERE d.not_before <= (SELECT now FROM clock)
       AND d.held_until <= (SELECT CASE WHEN $3 THEN now ELSE 0 END FROM clock)
       AND ",
    may_go!(),
    " LIMIT $6"
);

/// Takes these rows. A survivor may have been settled or renewed meanwhile; all others are as they were found. `$5` says
/// whether to tell when the next will be due: a row of the future, or the end of a lease.
const TAKE: &str = concat!(
    "WITH clock AS MATERIALIZED (SELECT wharf.wharf_now() AS now),
     claimed AS (
         UPDATE wharf.deliveries
         SET held_until = (SELECT now FROM clock) + $3, epoch = epoch + 1, lost_leases = lost_leases + (held_until > 0)::int,
             crashes = crashes + alone::int, alone = held_until > 0, busy = turn
         WHERE id = ANY($2) AND held_until <= (SELECT CASE WHEN $4 THEN now ELSE 0 END FROM clock)
         RETURNING id, epoch, not_before, alone, lost_leases, (SELECT now FROM clock) AS now, unknown_since, ",
    message_columns!(),
    ")
     SELECT next.wait, claimed.*
     FROM (SELECT CASE WHEN $5 THEN
               least(",
    next_fresh!(),
    ",
                     (SELECT min(held_until) FROM wharf.deliveries
                      WHERE endpoint = $1 AND busy IS NOT NULL AND held_until > (SELECT now FROM clock)))
               - (SELECT now FROM clock) END) AS next(wait)
     LEFT JOIN claimed ON true"
);

/// Claims as [`claim`](crate::claim::claim) does, and returns the same columns.
pub(crate) async fn claim(engine: &Postgres, claim: &Claim<'_>, turns: Turns) -> Result<Vec<PgRow>, Error> {
    let what = |error| failed("claim deliveries in turn", error);
    // Half-way through, an error closes the connection, and the transaction and its lock go with it.
    let mut lane = engine.post().take().await?;
    let mut transaction = lane.begin().await.map_err(what)?;
    let left_off = engine.left_off().at(claim.endpoint);
    let (rows, last) = claim_within(&mut transaction, claim, turns, &left_off).await.map_err(what)?;
    transaction.commit().await.map_err(what)?;
    lane.finish().await.map_err(what)?;
    if let Some(last) = last {
        engine.left_off().set(claim.endpoint, last);
    }
    Ok(rows)
}

/// The rows, and the turn at which a look key by key left off.
async fn claim_within(
    connection: &mut PgConnection,
    claim: &Claim<'_>,
    turns: Turns,
    left_off: &str,
) -> Result<(Vec<PgRow>, Option<String>), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(format!("wharf turns {}", claim.endpoint))
        .execute(&mut *connection)
        .await?;
    let look_at = claim.max.saturating_mul(LOOK_AT_TIMES);
    let (ordered, dead_letters_hold) = match turns {
        Turns::Ordered { dead_letters_hold } => (true, dead_letters_hold),
        Turns::Free | Turns::OneAtATime => (false, false),
    };
    let by_age = sqlx::query(FIND_BY_AGE)
        .bind(claim.endpoint)
        .bind(i64::try_from(look_at).unwrap_or(i64::MAX))
        .bind(claim.survivors)
        .bind(ordered)
        .bind(dead_letters_hold)
        .fetch_all(&mut *connection)
        .await?;
    let there_are_more: bool = by_age.first().map_or(Ok(false), |row| row.try_get(3))?;
    let mut found = read_found(&by_age)?;
    let mut chosen = choose(&found, claim.max);
    let mut last = None;
    // Behind where the last look left off, then from the beginning.
    for after in [left_off, ""] {
        if !there_are_more || chosen.len() >= claim.max || chosen.iter().any(|found| found.survives) {
            break;
        }
        let by_turn = sqlx::query(FIND_BY_TURN)
            .bind(claim.endpoint)
            .bind(after)
            .bind(claim.survivors)
            .bind(ordered)
            .bind(dead_letters_hold)
            .bind(i64::try_from(claim.max).unwrap_or(i64::MAX))
            .fetch_all(&mut *connection)
            .await?;
        let by_turn = read_found(&by_turn)?;
        last = Some(by_turn.last().and_then(|found| found.turn.clone()).unwrap_or_default());
        found.extend(by_turn);
        chosen = choose(&found, claim.max);
        if after.is_empty() {
            break;
        }
    }
    let is_short = chosen.len() < claim.max;
    let rows = sqlx::query(TAKE)
        .bind(claim.endpoint)
        .bind(chosen.iter().map(|found| found.id).collect::<Vec<_>>())
        .bind(micros(claim.lease))
        .bind(claim.survivors)
        .bind(is_short)
        .fetch_all(&mut *connection)
        .await?;
    Ok((rows, last))
}

/// A row that may go.
#[derive(Debug, Clone)]
struct Found {
    id: i64,
    turn: Option<String>,
    survives: bool,
}

fn read_found(rows: &[PgRow]) -> Result<Vec<Found>, sqlx::Error> {
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(id) = row.try_get::<Option<i64>, _>(0)? else { continue };
        found.push(Found { id, turn: row.try_get(1)?, survives: row.try_get(2)? });
    }
    Ok(found)
}

fn choose(found: &[Found], max: usize) -> Vec<&Found> {
    Turns::choose(found, max, |found| found.turn.clone(), |found| found.survives)
}
