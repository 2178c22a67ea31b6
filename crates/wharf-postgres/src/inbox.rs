//! The inbox: which rounds of a message from another transport have ended, noted within a delivery's transaction.

use std::{collections::BTreeMap, time::Duration};

use sqlx::{PgConnection, Row};
use uuid::Uuid;
use wharf::{
    Code, Error, Timestamp, micros,
    ports::{Burial, Ending, Receipt, Round},
};

use crate::{Postgres, error::failed, row::kind_name, send::write_trail};

/// Notes nothing when the transaction is no longer the one that wharf opened, and the answer tells. Where another
/// transaction notes the same message, it waits for its end.
const NOTE: &str = "
    WITH noted AS (
        INSERT INTO wharf.inbox AS i (tenant, endpoint, message_id, rounds, ending, ended_at)
        SELECT r.tenant, r.endpoint, r.message_id, r.number + 1, r.ending, (SELECT wharf.wharf_now())
        FROM unnest($1::text[], $2::text[], $3::uuid[], $4::int[], $5::text[])
            AS r(tenant, endpoint, message_id, number, ending)
        WHERE current_setting('wharf.transaction', true) = 'open'
        ON CONFLICT (tenant, endpoint, message_id) DO UPDATE
        SET rounds = excluded.rounds, ending = excluded.ending, ended_at = excluded.ended_at
        WHERE i.rounds < excluded.rounds
        RETURNING tenant, endpoint, message_id)
    SELECT current_setting('wharf.transaction', true), noted.* FROM (SELECT) AS one LEFT JOIN noted ON true";

/// Rounds that have ended, each by its place.
const ENDED: &str = "
    SELECT r.place, i.ending
    FROM unnest($1::text[], $2::text[], $3::uuid[], $4::int[]) WITH ORDINALITY
             AS r(tenant, endpoint, message_id, number, place)
    JOIN wharf.inbox i
        ON i.tenant = r.tenant AND i.endpoint = r.endpoint AND i.message_id = r.message_id AND i.rounds > r.number";

const PRUNE: &str = "
    WITH inbox AS (
        DELETE FROM wharf.inbox WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM wharf.inbox WHERE ended_at < (SELECT wharf.wharf_now()) - $1
            ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED))
        RETURNING 1),
    survivors AS (
        DELETE FROM wharf.survivors WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM wharf.survivors WHERE claimed_at < (SELECT wharf.wharf_now()) - $1
            LIMIT $2 FOR UPDATE SKIP LOCKED))
        RETURNING 1)
    SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM survivors)";

/// Under an id of its own from where deliveries have theirs.
const BURY: &str = "
    INSERT INTO wharf.dead_letters
        (id, died_at, sent_at, message_id, attempt, crashes, redrives, version, tenant, endpoint, name, kind, key, trail,
         body, code, reason, redrive_to, rank, expires_at)
    VALUES (nextval(pg_get_serial_sequence('wharf.deliveries', 'id')), (SELECT wharf.wharf_now()), $1, $2, $3, $4, $5, $6,
            $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";

/// Rounds, column by column.
#[derive(Default)]
pub(crate) struct Columns<'a> {
    pub(crate) tenants: Vec<&'a str>,
    pub(crate) endpoints: Vec<&'a str>,
    pub(crate) messages: Vec<Uuid>,
    pub(crate) numbers: Vec<i32>,
}

impl<'a> Columns<'a> {
    pub(crate) fn of(rounds: impl IntoIterator<Item = &'a Round>) -> Self {
        let mut columns = Self::default();
        for round in rounds {
            columns.tenants.push(round.tenant.as_str());
            columns.endpoints.push(&round.endpoint);
            columns.messages.push(round.message);
            columns.numbers.push(count(round.number));
        }
        columns
    }
}

pub(crate) fn count(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

type Message<'a> = (&'a str, &'a str, Uuid);

fn message(round: &Round) -> Message<'_> {
    (round.tenant.as_str(), &round.endpoint, round.message)
}

/// Notes what has ended; `false` for what had ended before.
pub(crate) async fn note(connection: &mut PgConnection, receipts: &[Receipt]) -> Result<Vec<bool>, Error> {
    // One statement may touch a row once. Of several rounds of a message, all but the last have ended before. In the
    // order of the key, so that nobody waits in a circle.
    let mut last = BTreeMap::<Message<'_>, usize>::new();
    for (place, receipt) in receipts.iter().enumerate() {
        let before = last.entry(message(&receipt.round)).or_insert(place);
        if receipts[*before].round.number < receipt.round.number {
            *before = place;
        }
    }
    let columns = Columns::of(last.values().map(|place| &receipts[*place].round));
    let endings: Vec<_> = last.values().map(|place| receipts[*place].ending.as_str()).collect();
    let rows = sqlx::query(NOTE)
        .bind(columns.tenants)
        .bind(columns.endpoints)
        .bind(columns.messages)
        .bind(columns.numbers)
        .bind(endings)
        .fetch_all(connection)
        .await
        .map_err(|error| failed("note in the inbox", error))?;
    let mut new = vec![false; receipts.len()];
    let unreadable = |error| failed("read what was noted", error);
    for row in &rows {
        if row.try_get::<Option<&str>, _>(0).map_err(unreadable)? != Some("open") {
            let message = "the transaction was ended by a statement of the handler's own";
            return Err(Error::new(Code::TRANSACTION_LOST, message));
        }
        let Some(tenant) = row.try_get::<Option<&str>, _>(1).map_err(unreadable)? else { continue };
        let key = (tenant, row.try_get(2).map_err(unreadable)?, row.try_get(3).map_err(unreadable)?);
        if let Some(place) = last.get(&key) {
            new[*place] = true;
        }
    }
    Ok(new)
}

/// How the messages of these rounds ended last, where the round has ended.
pub(crate) async fn endings(engine: &Postgres, rounds: &[Round]) -> Result<Vec<Option<Ending>>, Error> {
    let columns = Columns::of(rounds);
    let rows = sqlx::query(ENDED)
        .bind(columns.tenants)
        .bind(columns.endpoints)
        .bind(columns.messages)
        .bind(columns.numbers)
        .fetch_all(engine.pool())
        .await;
    let rows = rows.map_err(|error| failed("look into the inbox", error))?;
    let mut endings = vec![None; rounds.len()];
    let unreadable = |error| failed("read the inbox", error);
    for row in &rows {
        // Counted from 1.
        let place: i64 = row.try_get(0).map_err(unreadable)?;
        if let Some(ending) = usize::try_from(place - 1).ok().and_then(|place| endings.get_mut(place)) {
            *ending = Ending::from_stored(row.try_get(1).map_err(unreadable)?);
        }
    }
    Ok(endings)
}

/// Forgets messages of which no round has ended for this long.
pub(crate) async fn prune(engine: &Postgres, ended_before: Duration, max: usize) -> Result<u64, Error> {
    let mut lane = engine.post().take().await?;
    let pruned = sqlx::query_scalar(PRUNE)
        .bind(micros(ended_before))
        .bind(i64::try_from(max).unwrap_or(i64::MAX))
        .fetch_one(&mut *lane)
        .await;
    let pruned: i64 = lane.done(pruned).await.map_err(|error| failed("prune the inbox", error))?;
    if pruned > 0 {
        engine.committed([]);
    }
    Ok(pruned.unsigned_abs())
}

/// Adds dead letters that were no deliveries of ours. They are few.
pub(crate) async fn bury(connection: &mut PgConnection, burials: &[Burial]) -> Result<(), Error> {
    for Burial { endpoint, redrive_to, envelope, body, code, reason } in burials {
        sqlx::query(BURY)
            .bind(envelope.sent_at.as_micros())
            .bind(envelope.id)
            .bind(count(envelope.attempt))
            .bind(count(envelope.crashes))
            .bind(count(envelope.redrives))
            .bind(i32::from(envelope.version))
            .bind(envelope.tenant.as_str())
            .bind(&**endpoint)
            .bind(&*envelope.name)
            .bind(kind_name(envelope.kind))
            .bind(envelope.key.as_str())
            .bind(write_trail(&envelope.trail))
            .bind(&**body)
            .bind(code.to_string())
            // PostgreSQL stores every character but this one, and an error may quote anything.
            .bind(reason.replace('\0', "\u{fffd}"))
            .bind(&**redrive_to)
            .bind(envelope.priority.rank())
            .bind(envelope.expires_at.map(Timestamp::as_micros))
            .execute(&mut *connection)
            .await
            .map_err(|error| failed("bury a message", error))?;
    }
    Ok(())
}
