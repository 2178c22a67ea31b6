//! The inbox: which rounds of a message from another transport have ended, noted within a delivery's transaction.

use std::{collections::HashMap, time::Duration};

use sqlx::sqlite::SqliteRow;
use uuid::Uuid;
use wharf::{
    Error,
    ports::{Burial, Ending, Receipt, Round},
};

use crate::{
    deliveries::{self, column, json},
    engine::Sqlite,
    error::{failed, unreadable},
    script::Script,
    survivors,
    transaction::SqliteTransaction,
};

/// A round as the statements take it apart; the first four are its key.
pub(crate) type Key<'a> = (&'a str, &'a str, Uuid, u32);

pub(crate) fn key(round: &Round) -> Key<'_> {
    (round.tenant.as_str(), &round.endpoint, round.message, round.number)
}

/// Notes what has ended; `false` for what had ended before.
pub(crate) async fn note(transaction: &mut SqliteTransaction, receipts: &[Receipt]) -> Result<Vec<bool>, Error> {
    let rows: Vec<_> = receipts.iter().map(|receipt| (key(&receipt.round), receipt.ending.as_str())).collect();
    let script = Script::new().write(NOTE).bind(transaction.now().as_micros()).bind(json(&rows)?);
    let ran = transaction.run("note in the inbox", script).await?;
    let mut noted = HashMap::<(String, String, Uuid, u32), u32>::new();
    for row in ran.iter().flat_map(|ran| &ran.rows) {
        let key = (column(row, 0)?, column(row, 1)?, message_id(row)?, column(row, 3)?);
        *noted.entry(key).or_default() += 1;
    }
    // A round that is noted twice in one batch is new only once.
    let new = receipts.iter().map(|Receipt { round, .. }| {
        let key = (round.tenant.as_str().to_owned(), round.endpoint.to_string(), round.message, round.number);
        noted.get_mut(&key).is_some_and(|left| std::mem::take(left) > 0)
    });
    Ok(new.collect())
}

/// `WHERE true`: without it SQLite takes ON for a part of the join.
const NOTE: &str = "
INSERT INTO wharf_inbox (ended_at, tenant, endpoint, message_id, rounds, ending)
SELECT $1, value ->> '$[0][0]', value ->> '$[0][1]', value ->> '$[0][2]', (value ->> '$[0][3]') + 1, value ->> '$[1]'
FROM json_each($2) WHERE true
ON CONFLICT DO UPDATE SET rounds = excluded.rounds, ending = excluded.ending, ended_at = excluded.ended_at
WHERE rounds < excluded.rounds
RETURNING tenant, endpoint, message_id, rounds - 1";

fn message_id(row: &SqliteRow) -> Result<Uuid, Error> {
    column::<&str>(row, 2)?.parse().map_err(|error| unreadable("a message id", error))
}

/// How the messages of these rounds ended last, where the round has ended.
pub(crate) async fn endings(engine: &Sqlite, rounds: &[Round]) -> Result<Vec<Option<Ending>>, Error> {
    const DOING: &str = "look into the inbox";
    let keys: Vec<_> = rounds.iter().map(key).collect();
    let mut reader = engine.read_pool().acquire().await.map_err(|error| failed(DOING, error))?;
    let script = Script::new().read(ENDED).bind(json(&keys)?);
    let ran = script.run(&mut reader).await.map_err(|error| failed(DOING, error))?;
    let mut endings = vec![None; rounds.len()];
    for row in ran.iter().flat_map(|ran| &ran.rows) {
        let place: i64 = column(row, 0)?;
        if let Some(ending) = usize::try_from(place).ok().and_then(|place| endings.get_mut(place)) {
            *ending = Ending::from_stored(column(row, 1)?);
        }
    }
    Ok(endings)
}

/// The places of those that have. CROSS JOIN keeps the order: each round is looked up by the inbox's key.
const ENDED: &str = "
SELECT r.key, i.ending FROM json_each(?) AS r CROSS JOIN wharf_inbox AS i
WHERE i.tenant = r.value ->> 0 AND i.endpoint = r.value ->> 1 AND i.message_id = r.value ->> 2
  AND i.rounds > r.value ->> 3";

/// Forgets messages of which no round has ended for this long.
pub(crate) async fn prune(engine: &Sqlite, ended_before: Duration, max: usize) -> Result<u64, Error> {
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let until = (engine.now() - ended_before).as_micros();
    let script = Script::new().write(PRUNE).bind(until).bind(max).write(survivors::PRUNE).bind(until).bind(max);
    let ran = engine.writer().run("prune the inbox", script, Vec::new()).await?.committed()?;
    Ok(ran.iter().map(|pruned| pruned.changed).sum())
}

const PRUNE: &str = "
DELETE FROM wharf_inbox WHERE (tenant, endpoint, message_id) IN (
    SELECT tenant, endpoint, message_id FROM wharf_inbox WHERE ended_at < ? ORDER BY ended_at LIMIT ?)";

/// Adds dead letters that were no deliveries of ours. They are few, and each goes through the table of deliveries: it
/// alone gives ids.
pub(crate) async fn bury(transaction: &mut SqliteTransaction, burials: &[Burial]) -> Result<(), Error> {
    for burial in burials {
        let delivery = wharf::Outgoing::new(burial.redrive_to.clone(), burial.envelope.clone(), burial.body.clone());
        let script = deliveries::send(Script::new(), [&delivery], transaction.now())?
            .write(BURY)
            .bind(&*burial.endpoint)
            .bind(burial.code.to_string())
            .bind(&*burial.reason)
            .bind(transaction.now().as_micros())
            .write("DELETE FROM wharf_deliveries WHERE id = last_insert_rowid()");
        transaction.run("bury a message", script).await?;
    }
    Ok(())
}

/// The delivery inserted last.
const BURY: &str = "
INSERT INTO wharf_dead_letters (id, tenant, endpoint, attempt, crashes, redrives, message_id, name, version, kind, key,
                                sent_at, trail, body, rank, expires_at, redrive_to, code, reason, died_at)
SELECT id, tenant, ?, attempt, crashes, redrives, message_id, name, version, kind, key, sent_at, trail, body, rank,
       expires_at, endpoint,
       ?, ?, ?
FROM wharf_deliveries WHERE id = last_insert_rowid()";
