//! Carrying deliveries: claim, settle, renew, send.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use wharf::{
    Depth, Error, Outgoing, Timestamp,
    ports::{Claim, Claimed, Lease, Outcome, Settlement, Transport, Wakeups},
};

use crate::{
    deliveries::{self, column, json},
    engine::Sqlite,
    error::{failed, unreadable},
    history,
    script::{Ran, Script},
    turn::{Bell, Ended},
};

#[async_trait]
impl Transport for Sqlite {
    async fn claim(&self, claim: &Claim<'_>) -> Result<Claimed, Error> {
        crate::claim::claim(self, claim).await
    }

    async fn settle(&self, batch: &[Settlement]) -> Result<Vec<bool>, Error> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let all: Vec<&Settlement> = batch.iter().collect();
        let distinct: HashSet<Lease> = batch.iter().map(|settlement| settlement.lease).collect();
        if distinct.len() == all.len() {
            let (script, bells) = settle(&all, self.now())?;
            if let Ended::Committed(_) = self.writer().run(SETTLING, script, bells).await? {
                return Ok(vec![true; batch.len()]);
            }
        }
        self.settle_what_is_ours(batch).await
    }

    async fn renew(&self, leases: &[Lease], length: Duration) -> Result<Vec<Lease>, Error> {
        let held = epochs(leases.iter().copied())?;
        let until = (self.now() + length).as_micros();
        let script = Script::new().read(HELD).bind(held.clone()).write(RENEW).bind(until).bind(held);
        let ran = self.writer().run("renew leases", script, Vec::new()).await?.committed()?;
        let held = held_leases(&ran)?;
        Ok(leases.iter().copied().filter(|lease| !held.contains(lease)).collect())
    }

    async fn send(&self, batch: &[Outgoing]) -> Result<(), Error> {
        let script = deliveries::send(Script::new(), batch, self.now())?;
        self.writer().run("send messages", script, deliveries::bells(batch)).await?.committed().map(drop)
    }

    async fn depth(&self) -> Result<Vec<Depth>, Error> {
        let now = self.now();
        let rows = sqlx::query(DEPTH)
            .bind(now.as_micros())
            .bind(Depth::COUNT_MAX_ROWS.cast_signed())
            .fetch_all(self.read_pool())
            .await
            .map_err(|error| failed("count what waits", error))?;
        rows.iter().map(|row| depth(row, now)).collect()
    }

    fn wakeups(&self) -> &Wakeups {
        self.bells()
    }
}

const SETTLING: &str = "settle deliveries";

/// Statements that settle all of these, provided that each is still held under its lease.
fn settle(batch: &[&Settlement], now: Timestamp) -> Result<(Script, Vec<Bell>), Error> {
    let (mut gone, mut dead, mut back) = (Vec::new(), Vec::new(), Vec::new());
    for Settlement { lease, outcome, .. } in batch {
        match outcome {
            Outcome::Done => gone.push(*lease),
            Outcome::Retry { delay, attempt } => {
                back.push((lease.id, lease.epoch, now + *delay, Some(*attempt), None));
            }
            Outcome::Return { delay } => back.push((lease.id, lease.epoch, now + *delay, None, None)),
            Outcome::Unknown { delay } => back.push((lease.id, lease.epoch, now + *delay, None, Some(now))),
            Outcome::DeadLetter { code, reason, attempt } => {
                gone.push(*lease);
                dead.push((lease.id, lease.epoch, attempt, code.to_string(), reason));
            }
        }
    }
    let mut script = history::tell(Script::new(), history::reports(batch), now)?;
    if !dead.is_empty() {
        script = script.write_exactly(dead.len(), BURY).bind(now.as_micros()).bind(json(&dead)?);
    }
    if !back.is_empty() {
        script = script.write_exactly(back.len(), PUT_BACK).bind(json(&back)?);
    }
    if !gone.is_empty() {
        let count = gone.len();
        script = script.write_exactly(count, DELETE).bind(epochs(gone)?);
    }
    let outgoing = || batch.iter().flat_map(|settlement| &settlement.outgoing);
    Ok((deliveries::send(script, outgoing(), now)?, deliveries::bells(outgoing())))
}

impl Sqlite {
    /// Settles those of a batch that are still ours, after all of it could not be.
    async fn settle_what_is_ours(&self, batch: &[Settlement]) -> Result<Vec<bool>, Error> {
        let mut turn = self.writer().turn().await?;
        let held = Script::new().read(HELD).bind(epochs(batch.iter().map(|settlement| settlement.lease))?);
        let ran = held.run(turn.connection()?).await.map_err(|error| failed(SETTLING, error))?;
        let mut held = held_leases(&ran)?;
        // Removed as they are found: a lease settled twice in one batch is ours only once.
        let ours: Vec<bool> = batch.iter().map(|settlement| held.remove(&settlement.lease)).collect();
        let still: Vec<_> =
            batch.iter().zip(&ours).filter(|(_, ours)| **ours).map(|(settlement, _)| settlement).collect();
        let (script, bells) = settle(&still, self.now())?;
        turn.end(SETTLING, script, bells).await?.committed()?;
        Ok(ours)
    }
}

/// Leases as a JSON object of epochs by id, which `json_each` reads without looking into nested values.
fn epochs(leases: impl IntoIterator<Item = Lease>) -> Result<String, Error> {
    json(&leases.into_iter().map(|lease| (lease.id, lease.epoch)).collect::<BTreeMap<_, _>>())
}

fn held_leases(ran: &[Ran]) -> Result<HashSet<Lease>, Error> {
    let rows = ran.iter().flat_map(|ran| &ran.rows);
    rows.map(|row| Ok(Lease { id: column(row, 0)?, epoch: column(row, 1)? })).collect()
}

/// The rows of these leases that are still held under them.
macro_rules! held {
    ($columns:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM json_each(?) AS lease CROSS JOIN wharf_deliveries AS d
             WHERE d.id = CAST(lease.key AS INTEGER) AND d.epoch = lease.value AND d.held = 1"
        )
    };
}

const HELD: &str = held!("d.id, d.epoch");
const DELETE: &str = concat!("DELETE FROM wharf_deliveries WHERE id IN (", held!("d.id"), ")");
const RENEW: &str = concat!("UPDATE wharf_deliveries SET not_before = ? WHERE id IN (", held!("d.id"), ")");

/// A column of `json_each` arrays: id, epoch, not_before, attempt or null, since when it is unknown or null.
const PUT_BACK: &str = "
UPDATE wharf_deliveries AS d SET held = 0, alone = 0, not_before = s.value ->> 2, attempt = coalesce(s.value ->> 3, d.attempt),
                                  unknown_since = coalesce(d.unknown_since, s.value ->> 4)
FROM json_each(?) AS s
WHERE d.id = s.value ->> 0 AND d.epoch = s.value ->> 1 AND d.held = 1";

/// Arrays of id, epoch, attempt, code, reason. The rows themselves are deleted by [`DELETE`].
const BURY: &str = "
INSERT INTO wharf_dead_letters (id, tenant, endpoint, attempt, crashes, redrives, message_id, name, version, kind, key,
                                sent_at, trail, body, code, reason, died_at, rank, expires_at, turn, place)
SELECT d.id, d.tenant, d.endpoint, s.value ->> 2, d.crashes, d.redrives, d.message_id, d.name, d.version, d.kind, d.key,
       d.sent_at, d.trail, d.body, s.value ->> 3, s.value ->> 4, ?, d.rank, d.expires_at, d.turn, d.place
FROM json_each(?) AS s CROSS JOIN wharf_deliveries AS d
WHERE d.id = s.value ->> 0 AND d.epoch = s.value ->> 1 AND d.held = 1";

/// Finds the endpoints by skipping from each to the next in the index, and counts at each only so far: what it costs does
/// not depend on the backlog.
const DEPTH: &str = "
WITH RECURSIVE endpoints(endpoint) AS (
    SELECT min(endpoint) FROM wharf_deliveries
    UNION ALL
    SELECT (SELECT min(d.endpoint) FROM wharf_deliveries AS d WHERE d.endpoint > e.endpoint)
    FROM endpoints AS e WHERE e.endpoint IS NOT NULL)
SELECT e.endpoint,
       (SELECT json_array(count(*) FILTER (WHERE held = 0), count(*) FILTER (WHERE held = 1),
                          min(not_before) FILTER (WHERE held = 0))
        FROM (SELECT held, not_before FROM wharf_deliveries INDEXED BY wharf_deliveries_due
              WHERE endpoint = e.endpoint AND not_before <= $1 ORDER BY not_before LIMIT $2)),
       (SELECT json_array(count(*) FILTER (WHERE held = 0), count(*) FILTER (WHERE held = 1))
        FROM (SELECT held FROM wharf_deliveries INDEXED BY wharf_deliveries_due
              WHERE endpoint = e.endpoint AND not_before > $1 ORDER BY not_before LIMIT $2))
FROM endpoints AS e WHERE e.endpoint IS NOT NULL";

fn depth(row: &SqliteRow, now: Timestamp) -> Result<Depth, Error> {
    let read = |error| unreadable("a depth", error);
    let (due, held_due, oldest): (u64, u64, Option<Timestamp>) = serde_json::from_str(column(row, 1)?).map_err(read)?;
    let (delayed, held): (u64, u64) = serde_json::from_str(column(row, 2)?).map_err(read)?;
    let oldest = oldest.map(|not_before| now.since(not_before));
    Ok(Depth { endpoint: column(row, 0)?, due, delayed, held: held + held_due, oldest })
}
