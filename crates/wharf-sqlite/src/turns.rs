//! Claims at endpoints where deliveries of one key take turns.
//!
//! The one writer makes them one at a time. A claim looks at the oldest due rows first, a few times as many as it wants.
//! Where these are mostly of keys that may not go, as when thousands of one key wait, it looks at one row of each other
//! key instead: what that costs depends on how many keys wait, never on how many rows. It begins behind the key where it
//! left off, so that each gets its turn.

use std::sync::Arc;

use sqlx::SqliteConnection;
use wharf::{
    Error, Timestamp,
    ports::{Claim, Claimed, Turns},
};

use crate::{
    claim::{NEXT_DUE, due, due_columns, hold, in_order, next_due},
    deliveries::{column, document, json, stored},
    engine::Sqlite,
    error::failed,
    script::{Ran, Script},
};

/// So many times what a claim wants are looked at by age, before it looks key by key.
const LOOK_AT_TIMES: usize = 4;

const CLAIMING: &str = "claim deliveries in turn";

/// What may go of the rows `d`, which are due: nobody else of its turn is held, and in an ordered turn none is before it,
/// nor, where those hold, a dead letter that had not expired (`W0029`). Each is one look into an index. `$5` says whether turns are ordered, `$6` whether
/// dead letters hold.
macro_rules! may_go {
    () => {
        "NOT EXISTS (SELECT 1 FROM wharf_deliveries AS busy INDEXED BY wharf_deliveries_busy
                     WHERE busy.endpoint = $1 AND busy.turn = d.turn AND busy.held = 1 AND busy.id <> d.id)
         AND (NOT $5 OR NOT EXISTS (
             SELECT 1 FROM wharf_deliveries AS before INDEXED BY wharf_deliveries_turn
             WHERE before.endpoint = $1 AND before.turn = d.turn AND (before.place, before.id) < (d.place, d.id)))
         AND (NOT $6 OR NOT EXISTS (
             SELECT 1 FROM wharf_dead_letters AS before INDEXED BY wharf_dead_letters_of_turn
             WHERE before.endpoint = $1 AND before.turn = d.turn AND before.code <> 'W0029'
               AND (before.place, before.id) < (d.place, d.id)))"
    };
}

/// How many due rows were looked at, and of those which may go, by age.
const LOOKED_AT: &str = concat!("SELECT count(*) FROM ", due!("id"));
const FIND_BY_AGE: &str = concat!(
    "SELECT d.id, d.turn, d.held FROM ",
    due!("id, turn, place, held"),
    " AS d WHERE d.turn IS NULL OR (",
    may_go!(),
    ")"
);

/// One row of each turn after `$7`, of those that may go: the first, or where turns are not ordered the first that is due.
/// At most `$8`.
const FIND_BY_TURN: &str = concat!(
    "WITH RECURSIVE turns(turn) AS (
         SELECT * FROM (SELECT turn FROM wharf_deliveries INDEXED BY wharf_deliveries_turn
                        WHERE endpoint = $1 AND turn > $7 ORDER BY turn LIMIT 1)
         UNION ALL
         SELECT (SELECT next.turn FROM wharf_deliveries AS next INDEXED BY wharf_deliveries_turn
                 WHERE next.endpoint = $1 AND next.turn > turns.turn ORDER BY next.turn LIMIT 1)
         FROM turns WHERE turns.turn IS NOT NULL)
     SELECT d.id, d.turn, d.held FROM turns CROSS JOIN wharf_deliveries AS d
     WHERE d.id = (SELECT first.id FROM wharf_deliveries AS first INDEXED BY wharf_deliveries_turn
                   WHERE first.endpoint = $1 AND first.turn = turns.turn
                     AND ($5 OR (first.not_before <= $2 AND first.held <= $3))
                   ORDER BY first.place, first.id LIMIT 1)
       AND d.not_before <= $2 AND d.held <= $3 AND ",
    may_go!(),
    " LIMIT $8"
);

/// Rows that were chosen, before and as they are held. `$1` and `$2` are as everywhere, `$3` is a JSON array of their ids.
const CHOSEN: &str =
    concat!("SELECT ", due_columns!(), " FROM wharf_deliveries WHERE id IN (SELECT value FROM json_each($3))");
const HOLD: &str = concat!(hold!(), " WHERE id IN (SELECT value FROM json_each($3))");

/// Claims as [`claim`](crate::claim::claim) does.
pub(crate) async fn claim(engine: &Sqlite, claim: &Claim<'_>) -> Result<Claimed, Error> {
    let now = engine.now();
    let mut turn = engine.writer().turn().await?;
    let left_off = engine.left_off().at(claim.endpoint);
    let (chosen, last) = choose(turn.connection()?, claim, now, &left_off).await?;
    let script = Script::new()
        .read(CHOSEN)
        .read(NEXT_DUE)
        .write(HOLD)
        .bind(Arc::<str>::from(claim.endpoint))
        .bind(now.as_micros())
        .bind(json(&chosen)?)
        .bind(0)
        .bind((now + claim.lease).as_micros());
    let ran = turn.end(CLAIMING, script, Vec::new()).await?.committed()?;
    if let Some(last) = last {
        engine.left_off().set(claim.endpoint, last);
    }
    let document = document(ran.first())?;
    let deliveries = in_order(&document)?.into_iter().map(|due| due.claimed(now)).collect();
    Ok(Claimed { deliveries, next_due: next_due(ran.get(1))? })
}

/// The rows to take, and the turn at which a look key by key left off.
async fn choose(
    connection: &mut SqliteConnection,
    claim: &Claim<'_>,
    now: Timestamp,
    left_off: &str,
) -> Result<(Vec<i64>, Option<String>), Error> {
    let (ordered, dead_letters_hold) = match claim.turns {
        Turns::Ordered { dead_letters_hold } => (true, dead_letters_hold),
        Turns::Free | Turns::OneAtATime => (false, false),
    };
    let look_at = i64::try_from(claim.max.saturating_mul(LOOK_AT_TIMES)).unwrap_or(i64::MAX);
    let bind = |script: Script| {
        let script = script.bind(Arc::<str>::from(claim.endpoint)).bind(now.as_micros()).bind(claim.survivors);
        script.bind(look_at).bind(ordered).bind(dead_letters_hold)
    };
    let what = |error| failed(CLAIMING, error);
    let by_age = bind(Script::new().read(LOOKED_AT).read(FIND_BY_AGE)).run(connection).await.map_err(what)?;
    let looked_at: i64 = by_age.first().and_then(|ran| ran.rows.first()).map_or(Ok(0), |row| column(row, 0))?;
    let mut found = read_found(by_age.get(1))?;
    let mut last = None;
    // Behind where the last look left off, then from the beginning.
    for after in [left_off, ""] {
        let chosen = chosen(&found, claim.max);
        let is_enough = chosen.len() >= claim.max || chosen.iter().any(|found| found.survives);
        if looked_at < look_at || is_enough {
            break;
        }
        let max = i64::try_from(claim.max).unwrap_or(i64::MAX);
        let script = bind(Script::new().read(FIND_BY_TURN)).bind(after).bind(max);
        let by_turn = script.run(connection).await.map_err(what)?;
        let by_turn = read_found(by_turn.first())?;
        last = Some(by_turn.last().and_then(|found| found.turn.clone()).unwrap_or_default());
        found.extend(by_turn);
        if after.is_empty() {
            break;
        }
    }
    Ok((chosen(&found, claim.max).iter().map(|found| found.id).collect(), last))
}

/// A row that may go.
struct Found {
    id: i64,
    turn: Option<String>,
    survives: bool,
}

fn read_found(ran: Option<&Ran>) -> Result<Vec<Found>, Error> {
    let rows = ran.into_iter().flat_map(|ran| &ran.rows);
    rows.map(|row| Ok(Found { id: column(row, 0)?, turn: column(row, 1)?, survives: column(row, 2)? })).collect()
}

fn chosen(found: &[Found], max: usize) -> Vec<&Found> {
    Turns::choose(found, max, |found| found.turn.clone(), |found| found.survives)
}
