//! Ending deliveries: alone in batches, or as the last statement of a handler's transaction.

use sqlx::{Acquire, PgConnection, Postgres as Pg, Row, postgres::PgArguments, query::Query};
use wharf::{
    Error, Outgoing, micros,
    ports::{Lease, Outcome, Ring, Settlement},
};

use crate::{
    Postgres,
    error::failed,
    history::{Ids, ending, settle_runs, write_lines},
    send::{
        Columns, SEND, bind_one, insert_one, insert_outgoing, is_unique, outgoing_rows, rings, send_unique, unique_of,
    },
    sharing::Member,
};

/// What was handled goes, and what it sent comes, if it was still ours. A settlement is known by its place in the batch:
/// two epochs of one delivery may stand in it.
const SETTLE_DONE: &str = concat!(
    "WITH gone AS (
         DELETE FROM wharf.deliveries d USING unnest($16::bigint[], $17::bigint[], $18::bigint[]) AS s(id, epoch, place)
         WHERE d.id = s.id AND d.epoch = s.epoch AND d.held_until > 0
         RETURNING s.place),
     sent AS (",
    insert_outgoing!(
        "unnest($1::text[], $2::text[], $3::bigint[], $4::uuid[], $5::text[], $6::int[], $7::text[], $8::text[],
                $9::bigint[], $10::text[], $11::text[], $12::smallint[], $13::bigint[], $14::bigint[], $15::text[],
                $19::bigint[]) WITH ORDINALITY
         AS o(tenant, endpoint, delay, message_id, name, version, kind, key, sent_at, trail, body, rank, expires_in,
              expires_at, turn, sender, nth)
         WHERE o.sender IN (SELECT place FROM gone)"
    ),
    ")
     SELECT place FROM gone"
);

/// The same without anything sent.
const SETTLE_DONE_SILENTLY: &str = "
    DELETE FROM wharf.deliveries d USING unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS s(id, epoch, place)
    WHERE d.id = s.id AND d.epoch = s.epoch AND d.held_until > 0
    RETURNING s.place";

/// What failed waits again, or moves to the dead letters where it has a code.
const SETTLE_FAILED: &str = "
    WITH judged AS MATERIALIZED (
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::int[], $6::text[], $7::text[],
                             $8::bool[])
            AS s(id, epoch, place, delay, attempt, code, reason, unknown)),
    again AS (
        UPDATE wharf.deliveries d
        SET held_until = 0, busy = NULL, alone = false,
            unknown_since = CASE WHEN j.unknown THEN coalesce(d.unknown_since, (SELECT wharf.wharf_now()))
                                 ELSE d.unknown_since END,
            not_before = (SELECT wharf.wharf_now()) + j.delay,
            attempt = coalesce(j.attempt, d.attempt)
        FROM judged j
        WHERE d.id = j.id AND d.epoch = j.epoch AND d.held_until > 0 AND j.code IS NULL
        RETURNING j.place),
    dead AS (
        DELETE FROM wharf.deliveries d USING judged j
        WHERE d.id = j.id AND d.epoch = j.epoch AND d.held_until > 0 AND j.code IS NOT NULL
        RETURNING j.place AS answers, d.id, d.sent_at, d.message_id, j.attempt, d.crashes, d.redrives, d.version, d.tenant,
                  d.endpoint, d.name, d.kind, d.key, d.trail, d.body, j.code, j.reason, d.rank, d.expires_at,
                  d.turn, d.place),
    kept AS (
        INSERT INTO wharf.dead_letters
            (died_at, id, sent_at, message_id, attempt, crashes, redrives, version, tenant, endpoint, name, kind, key,
             trail, body, code, reason, rank, expires_at, turn, place)
        SELECT (SELECT wharf.wharf_now()), id, sent_at, message_id, attempt, crashes, redrives, version, tenant,
               endpoint, name, kind, key, trail, body, code, reason, rank, expires_at, turn, place
        FROM dead)
    SELECT place FROM again UNION ALL SELECT answers FROM dead";

/// A settlement and its place in the batch.
type Placed<'a> = (usize, &'a Settlement);

/// See [`Transport::settle`](wharf::ports::Transport::settle).
pub(crate) async fn settle(engine: &Postgres, batch: &[Settlement]) -> Result<Vec<bool>, Error> {
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    // Everybody locks rows in the order of their ids, so nobody waits in a circle.
    let mut placed: Vec<Placed<'_>> = batch.iter().enumerate().collect();
    placed.sort_unstable_by_key(|(_, settlement)| settlement.lease.id);
    let (runs, plain): (Vec<_>, Vec<_>) = placed.into_iter().partition(|(_, one)| ending(one).is_some());
    let (done, failures): (Vec<_>, Vec<_>) = plain.into_iter().partition(|(_, one)| one.outcome == Outcome::Done);

    let mut lane = engine.post().take().await?;
    let sorted = Sorted { done, failures, runs };
    let settled = match settle_on(&mut lane, &sorted, Ids::Own).await {
        Err(error) if is_taken(&error) => settle_on(&mut lane, &sorted, Ids::Shared).await,
        settled => settled,
    };
    // On an error, perhaps half-way through, the connection is dropped, and what it had begun goes with it.
    let settled = settled.map_err(|error| failed("settle deliveries", error))?;
    lane.finish().await.map_err(|error| failed("settle deliveries", error))?;

    let mut ours = vec![false; batch.len()];
    for place in settled {
        if let Some(ours) = usize::try_from(place).ok().and_then(|place| ours.get_mut(place)) {
            *ours = true;
        }
    }
    let sent: Vec<Ring<'_>> = batch.iter().flat_map(|settlement| rings(&settlement.outgoing)).collect();
    engine.committed(sent);
    Ok(ours)
}

/// A batch, each settlement with those that one statement settles with it.
struct Sorted<'a> {
    done: Vec<Placed<'a>>,
    failures: Vec<Placed<'a>>,
    /// The ends of jobs' runs.
    runs: Vec<Placed<'a>>,
}

impl Sorted<'_> {
    /// What is written apart from the settling itself: what runs logged, and what they send with their end.
    fn has_more(&self) -> bool {
        let logs = |(_, one): &Placed<'_>| one.report.as_ref().is_some_and(|report| !report.lines.is_empty());
        let sends_unique = |(_, one): &Placed<'_>| one.outgoing.iter().any(is_unique);
        self.failures.iter().chain(&self.runs).any(logs)
            || self.runs.iter().any(|(_, one)| !one.outgoing.is_empty())
            || self.done.iter().any(sends_unique)
    }
}

/// Whether a run has an id under which another has ended.
fn is_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.constraint() == Some("runs_pkey"))
}

/// The places of those that were still ours.
async fn settle_on(connection: &mut PgConnection, batch: &Sorted<'_>, ids: Ids) -> Result<Vec<i64>, sqlx::Error> {
    let Sorted { done, failures, runs } = batch;
    match (&done[..], &failures[..], &runs[..]) {
        (done, [], []) if !batch.has_more() => return settle_done(connection, done).await,
        ([], failures, []) if !batch.has_more() => return settle_failed(connection, failures).await,
        ([], [], runs) if !batch.has_more() => return settle_runs(connection, runs, ids).await,
        (..) => {}
    }
    let mut all = connection.begin().await?;
    let mut settled = Vec::new();
    if !done.is_empty() {
        settled = settle_done(&mut all, done).await?;
    }
    if !failures.is_empty() {
        settled.extend(settle_failed(&mut all, failures).await?);
    }
    if !runs.is_empty() {
        settled.extend(settle_runs(&mut all, runs, ids).await?);
    }
    if batch.has_more() {
        let is_ours = |(place, _): &&Placed<'_>| settled.contains(&(*place as i64));
        let ours = || failures.iter().chain(runs).filter(is_ours).map(|(_, one)| *one);
        write_lines(&mut all, ours().filter_map(|one| one.report.as_deref())).await?;
        let sent = Columns::of(ours().flat_map(|one| &one.outgoing));
        sent.bind(sqlx::query(SEND)).execute(&mut *all).await?;
        let settled = done.iter().filter(is_ours).map(|(_, one)| *one).chain(ours());
        send_unique(&mut all, &unique_of(settled.flat_map(|one| &one.outgoing)), false).await?;
    }
    all.commit().await?;
    Ok(settled)
}

async fn settle_done(connection: &mut PgConnection, done: &[Placed<'_>]) -> Result<Vec<i64>, sqlx::Error> {
    let (mut ids, mut epochs, mut places) = (Vec::new(), Vec::new(), Vec::new());
    let (mut sent, mut senders) = (Vec::new(), Vec::new());
    for (place, settlement) in done {
        let place = *place as i64;
        ids.push(settlement.lease.id);
        epochs.push(settlement.lease.epoch);
        places.push(place);
        sent.extend(settlement.outgoing.iter().filter(|one| !is_unique(one)));
        senders.resize(sent.len(), place);
    }
    let query = if sent.is_empty() {
        sqlx::query(SETTLE_DONE_SILENTLY).bind(ids).bind(epochs).bind(places)
    } else {
        let query = Columns::of(sent).bind(sqlx::query(SETTLE_DONE));
        query.bind(ids).bind(epochs).bind(places).bind(senders)
    };
    query.fetch_all(connection).await?.iter().map(|row| row.try_get(0)).collect()
}

async fn settle_failed(connection: &mut PgConnection, failures: &[Placed<'_>]) -> Result<Vec<i64>, sqlx::Error> {
    let (mut ids, mut epochs, mut places) = (Vec::new(), Vec::new(), Vec::new());
    let (mut delays, mut attempts) = (Vec::new(), Vec::new());
    let (mut codes, mut reasons, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for (place, settlement) in failures {
        let (delay, attempt, death) = match &settlement.outcome {
            // Settled by the other statement.
            Outcome::Done => continue,
            Outcome::Retry { delay, attempt } => (micros(*delay), Some(*attempt), None),
            Outcome::Return { delay } | Outcome::Unknown { delay } => (micros(*delay), None, None),
            Outcome::DeadLetter { code, reason, attempt } => (0, Some(*attempt), Some((code, reason))),
        };
        ids.push(settlement.lease.id);
        epochs.push(settlement.lease.epoch);
        places.push(*place as i64);
        delays.push(delay);
        attempts.push(attempt.map(|attempt| i32::try_from(attempt).unwrap_or(i32::MAX)));
        unknown.push(matches!(settlement.outcome, Outcome::Unknown { .. }));
        codes.push(death.map(|(code, _)| code.to_string()));
        // PostgreSQL stores every character but this one, and an error may quote anything.
        reasons.push(death.map(|(_, reason)| reason.replace('\0', "\u{fffd}")));
    }
    let query = sqlx::query(SETTLE_FAILED).bind(ids).bind(epochs).bind(places).bind(delays).bind(attempts);
    let rows = query.bind(codes).bind(reasons).bind(unknown).fetch_all(connection).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// The delivery goes and what it sent comes, in the transaction that the handler wrote in. Nothing happens when that
/// transaction is no longer the one wharf opened, and the answer tells.
const SETTLE_WITHIN: &str = concat!(
    "WITH gone AS (
         DELETE FROM wharf.deliveries
         WHERE id = $16 AND epoch = $17 AND held_until > 0 AND current_setting('wharf.transaction', true) = 'open'
         RETURNING id),
     sent AS (",
    insert_outgoing!("gone, ", outgoing_rows!()),
    ")
     SELECT EXISTS (SELECT FROM gone), current_setting('wharf.transaction', true)"
);

/// The same for exactly one message, which is what most handlers send: values instead of columns cost the server a
/// quarter less.
const SETTLE_AND_SEND_ONE: &str = concat!(
    "WITH gone AS (
         DELETE FROM wharf.deliveries
         WHERE id = $16 AND epoch = $17 AND held_until > 0 AND current_setting('wharf.transaction', true) = 'open'
         RETURNING id),
     sent AS (",
    insert_one!("gone"),
    ")
     SELECT EXISTS (SELECT FROM gone), current_setting('wharf.transaction', true)"
);

/// The same for none.
const SETTLE_SILENTLY: &str = "
    WITH gone AS (
        DELETE FROM wharf.deliveries
        WHERE id = $1 AND epoch = $2 AND held_until > 0 AND current_setting('wharf.transaction', true) = 'open'
        RETURNING id)
    SELECT EXISTS (SELECT FROM gone), current_setting('wharf.transaction', true)";

/// The same for a unit of work outside any delivery.
const SEND_WITHIN: &str = concat!(
    "WITH sent AS (",
    insert_outgoing!(outgoing_rows!(), " WHERE current_setting('wharf.transaction', true) = 'open'"),
    ")
     SELECT true, current_setting('wharf.transaction', true)"
);

/// The deliveries of a whole group go, and what they sent comes. All of them or none: unless all were there, the
/// transaction is rolled back.
const SETTLE_GROUP: &str = concat!(
    "WITH gone AS (
         DELETE FROM wharf.deliveries d USING unnest($16::bigint[], $17::bigint[]) AS s(id, epoch)
         WHERE d.id = s.id AND d.epoch = s.epoch AND d.held_until > 0
         RETURNING d.id),
     sent AS (",
    insert_outgoing!(outgoing_rows!()),
    ")
     SELECT (SELECT count(*) FROM gone) = cardinality($16), current_setting('wharf.transaction', true)"
);

/// How the last statement of a transaction went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// All that is missing is the commit.
    Ready,
    /// The lease was no longer ours.
    Stale,
    /// The transaction was not the one we opened; nothing was done.
    Lost,
}

/// Settles the delivery, if there is one, and sends, all within the open transaction.
pub(crate) async fn settle_within(
    connection: &mut PgConnection,
    lease: Option<Lease>,
    outgoing: &[Outgoing],
) -> Result<Settled, Error> {
    send_unique(connection, &unique_of(outgoing), true).await.map_err(|error| failed("send", error))?;
    let plain: Vec<_>;
    let outgoing = if outgoing.iter().any(is_unique) {
        plain = outgoing.iter().filter(|one| !is_unique(one)).cloned().collect();
        &plain[..]
    } else {
        outgoing
    };
    let query = match (lease, outgoing) {
        (Some(lease), []) => sqlx::query(SETTLE_SILENTLY).bind(lease.id).bind(lease.epoch),
        (Some(lease), [one]) => bind_one(sqlx::query(SETTLE_AND_SEND_ONE), one).bind(lease.id).bind(lease.epoch),
        (Some(lease), many) => Columns::of(many).bind(sqlx::query(SETTLE_WITHIN)).bind(lease.id).bind(lease.epoch),
        (None, any) => Columns::of(any).bind(sqlx::query(SEND_WITHIN)),
    };
    how_it_went(query, connection).await
}

/// Settles the deliveries of a group and sends, all within the transaction they share.
pub(crate) async fn settle_group(connection: &mut PgConnection, members: &[Member]) -> Result<Settled, Error> {
    // Everybody locks rows in the order of their ids.
    let mut leases: Vec<_> = members.iter().filter_map(|member| member.lease).collect();
    leases.sort_unstable_by_key(|lease| lease.id);
    let (ids, epochs): (Vec<_>, Vec<_>) = leases.iter().map(|lease| (lease.id, lease.epoch)).unzip();
    let unique = unique_of(members.iter().flat_map(|member| &member.outgoing));
    send_unique(connection, &unique, true).await.map_err(|error| failed("send", error))?;
    let columns = Columns::of(members.iter().flat_map(|member| &member.outgoing));
    how_it_went(columns.bind(sqlx::query(SETTLE_GROUP)).bind(ids).bind(epochs), connection).await
}

async fn how_it_went(query: Query<'_, Pg, PgArguments>, connection: &mut PgConnection) -> Result<Settled, Error> {
    let row = query.fetch_one(connection).await;
    let answer = row.and_then(|row| Ok((row.try_get::<bool, _>(0)?, row.try_get::<Option<String>, _>(1)?)));
    let (ours, mark) = answer.map_err(|error| failed("settle the delivery", error))?;
    Ok(match (ours, mark.as_deref()) {
        (true, Some("open")) => Settled::Ready,
        (false, Some("open")) => Settled::Stale,
        (_, _) => Settled::Lost,
    })
}
