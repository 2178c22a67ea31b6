//! The history of jobs.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sqlx::{PgConnection, Postgres as Pg, Row, postgres::PgArguments, postgres::PgRow, query::Query};
use uuid::Uuid;
use wharf::{
    Error, Key, LogLevel, LogLine, RunFilter, RunRecord, RunStatus, Tenant, Timestamp, micros,
    ports::{History, Lease, Outcome, Report, RunEnd, Settlement},
};

use crate::{
    Postgres,
    error::failed,
    row::{message_columns, read_count, read_message, read_trail},
};

/// Writes how runs ended: `$told` brings the row of each delivery with what its worker told.
macro_rules! end_runs {
    ($told:literal, $taken:expr) => {
        concat!(
            "ended AS (
                 INSERT INTO wharf.runs AS r
                     (tenant, id, ended_at, took, sent_at, worker, attempts, crashes, redrives, version, job, status, key,
                      trail, args, progress, result, code, reason)
                 SELECT tenant, message_id, (SELECT wharf.wharf_now()), took, sent_at, worker, attempts, crashes,
                        redrives, version, name, status, key, trail, body, progress, result, code, reason
                 FROM ",
            $told,
            $taken,
            "),
             forgotten AS (
                 DELETE FROM wharf.run_news n USING ",
            $told,
            "    AS t WHERE t.is_known AND n.tenant = t.tenant AND n.run = t.message_id)"
        )
    };
}

/// A foreign hand may have given two runs one id: then the last one that ends stands there.
macro_rules! the_last_one_stands {
    () => {
        " ON CONFLICT (tenant, id) DO UPDATE
          SET ended_at = excluded.ended_at, took = excluded.took, worker = excluded.worker,
              attempts = excluded.attempts, crashes = excluded.crashes, redrives = excluded.redrives,
              status = excluded.status, progress = excluded.progress, result = excluded.result,
              code = excluded.code, reason = excluded.reason"
    };
}

/// The deliveries of runs go and their ends come, those that failed with a dead letter. What ended is known by its place in
/// the batch: two epochs of one delivery may stand in it.
macro_rules! settle_runs {
    ($taken:expr) => {
        concat!(
            "WITH told AS MATERIALIZED (
                 SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::uuid[], $6::int[],
                                      $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::bool[],
                                      $13::bool[])
                     AS t(id, epoch, nth, took, worker, attempts, status, progress, result, code, reason, is_letter,
                          is_known)),
             gone AS (
                 DELETE FROM wharf.deliveries d USING told t
                 WHERE d.id = t.id AND d.epoch = t.epoch AND d.held_until > 0
                 RETURNING d.*, t.nth, t.took, t.worker, t.attempts, t.status, t.progress, t.result, t.code, t.reason,
                           t.is_letter, t.is_known),
             buried AS (
                 INSERT INTO wharf.dead_letters
                     (id, died_at, sent_at, message_id, attempt, crashes, redrives, version, tenant, endpoint, name, kind,
                      key, trail, body, code, reason, rank, expires_at, turn, place)
                 SELECT id, (SELECT wharf.wharf_now()), sent_at, message_id, attempts, crashes, redrives, version, tenant,
                        endpoint, name, kind, key, trail, body, code, reason, rank, expires_at, turn, place
                 FROM gone WHERE is_letter), ",
            end_runs!("gone", $taken),
            " SELECT nth FROM gone"
        )
    };
}

/// Looking for others of its id costs every run: that is done only once one was found.
const SETTLE_RUNS: &str = settle_runs!("");
const SETTLE_RUNS_AGAIN: &str = settle_runs!(the_last_one_stands!());

/// How a run ends whose delivery is settled later in the same transaction.
const END_WITHIN: &str = concat!(
    "WITH held AS MATERIALIZED (
         SELECT d.*, $3::bigint AS took, $4::uuid AS worker, $5::int AS attempts, $6::text AS status,
                $7::text AS progress, $8::text AS result, $9::text AS code, $10::text AS reason,
                $11::bool AS is_known
         FROM wharf.deliveries d
         WHERE d.id = $1 AND d.epoch = $2 AND d.held_until > 0 AND current_setting('wharf.transaction', true) = 'open'), ",
    end_runs!("held", the_last_one_stands!()),
    " SELECT FROM held"
);

/// One that is told again is known by its id.
const WRITE_LINES: &str = "
    INSERT INTO wharf.run_lines (tenant, run, id, at, attempt, level, text, fields)
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::bigint[], $5::int[], $6::text[], $7::text[], $8::text[])
    ON CONFLICT DO NOTHING";

/// The places of those that are held under their leases. A foreign hand may have given two runs one id; then one is told of.
const TELL_NEWS: &str = "
    WITH told AS MATERIALIZED (
        SELECT d.tenant, d.message_id, d.epoch, t.took, t.worker, t.progress, t.nth
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::uuid[], $5::text[]) WITH ORDINALITY
            AS t(id, epoch, took, worker, progress, nth)
        JOIN wharf.deliveries d ON d.id = t.id AND d.epoch = t.epoch AND d.held_until > 0),
    news AS (
        INSERT INTO wharf.run_news AS n (tenant, run, epoch, told_at, took, worker, progress)
        SELECT DISTINCT ON (tenant, message_id) tenant, message_id, epoch, (SELECT wharf.wharf_now()), took, worker, progress
        FROM told ORDER BY tenant, message_id, nth
        ON CONFLICT (tenant, run) DO UPDATE
        SET epoch = excluded.epoch, told_at = excluded.told_at, took = excluded.took, worker = excluded.worker,
            progress = excluded.progress)
    SELECT nth - 1 FROM told";

/// The schedule that enqueued a run, as it stands in the JSON of its trail. The index of runs is on this very expression.
macro_rules! schedule_of {
    () => {
        r#"substring(trail FROM '"firing":\{"schedule":"((?:[^"\\]|\\.)*)"')"#
    };
}

const ACTIVE: &str = concat!(
    "SELECT ",
    message_columns!(),
    ", held_until > 0, not_before, n.told_at - n.took, n.worker, n.progress
     FROM wharf.deliveries
     LEFT JOIN (SELECT tenant AS of, run, epoch AS told_in, told_at, took, worker, progress FROM wharf.run_news) AS n
         ON n.of = tenant AND n.run = message_id AND n.told_in = epoch AND held_until > 0
     WHERE kind = 'job' AND ($1::uuid IS NULL OR message_id = $1) AND ($2::text IS NULL OR tenant = $2)
       AND ($3::text IS NULL OR endpoint = 'job:' || $3)
       AND ($4::text IS NULL
            OR $4 = CASE WHEN held_until > 0 THEN 'running' WHEN attempt > 0 THEN 'retrying' ELSE 'queued' END)
       AND ($5::text IS NULL OR unique_key = $5)
       AND ($7::text IS NULL OR $7 = ",
    schedule_of!(),
    ")
     ORDER BY id LIMIT $6"
);

macro_rules! run_columns {
    () => {
        "tenant, id, job, version, key, args, status, attempts, crashes, redrives, sent_at, took, ended_at, worker,
         progress, result, code, reason, trail"
    };
}

macro_rules! ended_runs {
    ($status:literal) => {
        concat!(
            "SELECT * FROM wharf.runs
             WHERE ($1::uuid IS NULL OR id = $1) AND ($2::text IS NULL OR tenant = $2) AND ($3::text IS NULL OR job = $3)
               AND ",
            $status,
            " AND ($5::bigint IS NULL OR ended_at < $5)
             ORDER BY ended_at DESC, id DESC LIMIT $6"
        )
    };
}

/// The last of a job, which its own index finds.
const ENDED_OF_JOB: &str = concat!(
    "SELECT ",
    run_columns!(),
    " FROM (",
    ended_runs!("($4::text IS NULL OR status = $4)"),
    ") AS last ORDER BY ended_at DESC, id DESC"
);

/// The last of every status, and of those the last.
const ENDED: &str = concat!(
    "SELECT ",
    run_columns!(),
    " FROM unnest(ARRAY['succeeded', 'failed', 'cancelled', 'timed-out']) AS each(one)
      CROSS JOIN LATERAL (",
    ended_runs!("status = one AND ($4::text IS NULL OR one = $4)"),
    ") AS last ORDER BY ended_at DESC, id DESC LIMIT $6"
);

/// The last that a schedule enqueued.
const ENDED_OF_SCHEDULE: &str = concat!(
    "SELECT ",
    run_columns!(),
    r#" FROM wharf.runs
        WHERE trail LIKE '%"firing":{%' AND $7 = "#,
    schedule_of!(),
    " AND ($1::uuid IS NULL OR id = $1) AND ($2::text IS NULL OR tenant = $2) AND ($3::text IS NULL OR job = $3)
      AND ($4::text IS NULL OR status = $4) AND ($5::bigint IS NULL OR ended_at < $5)
      ORDER BY ended_at DESC, id DESC LIMIT $6"
);

const LINES: &str = "
    SELECT id, at, attempt, level, text, fields FROM wharf.run_lines
    WHERE tenant = $1 AND run = $2 AND ($3::uuid IS NULL OR id > $3) ORDER BY id LIMIT $4";

/// A settlement and its place in the batch.
type Placed<'a> = (usize, &'a Settlement);

/// Whether runs are known to have ids of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ids {
    Own,
    Shared,
}

/// The places of those runs that were still ours.
pub(crate) async fn settle_runs(
    connection: &mut PgConnection,
    ended: &[Placed<'_>],
    ids_are: Ids,
) -> Result<Vec<i64>, sqlx::Error> {
    let (mut ids, mut epochs, mut places) = (Vec::new(), Vec::new(), Vec::new());
    let (mut took, mut workers, mut attempts, mut statuses) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut progress, mut results) = (Vec::new(), Vec::new());
    let (mut codes, mut reasons, mut letters, mut known) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (place, settlement) in ended {
        let Some((report, end)) = ending(settlement) else { continue };
        ids.push(settlement.lease.id);
        epochs.push(settlement.lease.epoch);
        places.push(*place as i64);
        took.push(report.took.map(micros));
        workers.push(report.worker);
        attempts.push(count(end.attempts));
        statuses.push(end.status.as_str());
        progress.push(write_progress(report));
        results.push(end.result.as_deref());
        let (code, reason) = error_of(end);
        codes.push(code);
        reasons.push(reason);
        letters.push(matches!(settlement.outcome, Outcome::DeadLetter { .. }));
        known.push(report.is_known);
    }
    let settle = match ids_are {
        Ids::Own => SETTLE_RUNS,
        Ids::Shared => SETTLE_RUNS_AGAIN,
    };
    let query = sqlx::query(settle).bind(ids).bind(epochs).bind(places).bind(took).bind(workers).bind(attempts);
    let query = query.bind(statuses).bind(progress).bind(results).bind(codes).bind(reasons).bind(letters).bind(known);
    query.fetch_all(connection).await?.iter().map(|row| row.try_get(0)).collect()
}

/// What the settlement says of how its run ended, if it did.
pub(crate) fn ending(settlement: &Settlement) -> Option<(&Report, &RunEnd)> {
    let report = settlement.report.as_deref()?;
    Some((report, report.end.as_ref()?))
}

/// Keeps what runs logged.
pub(crate) async fn write_lines<'a>(
    connection: &mut PgConnection,
    reports: impl Iterator<Item = &'a Report>,
) -> Result<(), sqlx::Error> {
    let (mut tenants, mut runs, mut ids, mut times) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut attempts, mut levels, mut texts, mut fields) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for report in reports {
        for line in &report.lines {
            tenants.push(report.tenant.as_str());
            runs.push(report.run);
            ids.push(line.id);
            times.push(line.at.as_micros());
            attempts.push(count(line.attempt));
            levels.push(line.level.as_str());
            texts.push(line.text.as_str());
            fields.push(serde_json::to_string(&line.fields).unwrap_or_default());
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    let query = sqlx::query(WRITE_LINES).bind(tenants).bind(runs).bind(ids).bind(times);
    query.bind(attempts).bind(levels).bind(texts).bind(fields).execute(connection).await.map(drop)
}

/// See [`Transaction::report`](wharf::ports::Transaction::report).
pub(crate) async fn report_within(connection: &mut PgConnection, lease: Lease, report: &Report) -> Result<(), Error> {
    let what = |error| failed("report a run", error);
    if let Some(end) = &report.end {
        let (code, reason) = error_of(end);
        let query = sqlx::query(END_WITHIN).bind(lease.id).bind(lease.epoch).bind(report.took.map(micros));
        let query = query.bind(report.worker).bind(count(end.attempts)).bind(end.status.as_str());
        let query = query.bind(write_progress(report)).bind(end.result.as_deref()).bind(code).bind(reason);
        let query = query.bind(report.is_known);
        query.execute(&mut *connection).await.map_err(what)?;
    }
    write_lines(connection, std::iter::once(report)).await.map_err(what)
}

#[async_trait]
impl History for Postgres {
    async fn report(&self, reports: &[(Lease, Report)]) -> Result<Vec<bool>, Error> {
        let what = |error| failed("report runs", error);
        let mut lane = self.post().take().await?;
        let mut transaction = sqlx::Acquire::begin(&mut *lane).await.map_err(what)?;
        let places: Vec<i64> = sqlx::query_scalar(TELL_NEWS)
            .bind(reports.iter().map(|(lease, _)| lease.id).collect::<Vec<_>>())
            .bind(reports.iter().map(|(lease, _)| lease.epoch).collect::<Vec<_>>())
            .bind(reports.iter().map(|(_, report)| report.took.map(micros)).collect::<Vec<_>>())
            .bind(reports.iter().map(|(_, report)| report.worker).collect::<Vec<_>>())
            .bind(reports.iter().map(|(_, report)| write_progress(report)).collect::<Vec<_>>())
            .fetch_all(&mut *transaction)
            .await
            .map_err(what)?;
        let ours: Vec<_> = (0..).take(reports.len()).map(|place: i64| places.contains(&place)).collect();
        let told = reports.iter().zip(&ours).filter(|(_, is_ours)| **is_ours);
        write_lines(&mut transaction, told.map(|((_, report), _)| report)).await.map_err(what)?;
        transaction.commit().await.map_err(what)?;
        lane.finish().await.map_err(what)?;
        Ok(ours)
    }

    async fn active(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, Error> {
        let query = bind(ACTIVE, filter).bind(filter.unique.as_deref()).bind(i64::from(filter.limit_rows()));
        let query = query.bind(filter.schedule.as_deref().map(within_json));
        let rows = query.fetch_all(self.pool()).await;
        rows.and_then(|rows| rows.iter().map(read_active).collect()).map_err(|error| failed("read runs", error))
    }

    async fn ended(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, Error> {
        if filter.unique.is_some() {
            return Ok(Vec::new());
        }
        let sql = match (&filter.schedule, &filter.job) {
            (Some(_), _) => ENDED_OF_SCHEDULE,
            (None, Some(_)) => ENDED_OF_JOB,
            (None, None) => ENDED,
        };
        let query = bind(sql, filter).bind(filter.ended_before.map(Timestamp::as_micros));
        let mut query = query.bind(i64::from(filter.limit_rows()));
        if let Some(schedule) = &filter.schedule {
            query = query.bind(within_json(schedule));
        }
        let rows = query.fetch_all(self.pool()).await;
        rows.and_then(|rows| rows.iter().map(read_ended).collect()).map_err(|error| failed("read runs", error))
    }

    async fn lines(&self, tenant: &Tenant, run: Uuid, after: Option<Uuid>, max: u32) -> Result<Vec<LogLine>, Error> {
        let query = sqlx::query(LINES).bind(tenant.as_str()).bind(run).bind(after).bind(i64::from(max));
        let rows = query.fetch_all(self.pool()).await;
        rows.and_then(|rows| rows.iter().map(read_line).collect()).map_err(|error| failed("read a run's log", error))
    }
}

/// Binds `$1` to `$4`: which run, whose, of which job, and where it stands.
fn bind<'q>(sql: &'static str, filter: &'q RunFilter) -> Query<'q, Pg, PgArguments> {
    let query = sqlx::query(sql).bind(filter.id).bind(filter.tenant.as_ref().map(Tenant::as_str));
    query.bind(filter.job.as_deref()).bind(filter.status.map(RunStatus::as_str))
}

/// A name as it stands between the quotes of JSON.
fn within_json(name: &str) -> String {
    let quoted = serde_json::Value::from(name).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn read_active(row: &PgRow) -> Result<RunRecord, sqlx::Error> {
    const NEXT: usize = 14;
    let (envelope, body) = read_message(row, 0)?;
    let is_held: bool = row.try_get(NEXT)?;
    let mut run = RunRecord::of(&envelope, &body, RunStatus::of_active(is_held, envelope.attempt));
    if !is_held {
        run.due_at = Some(Timestamp::from_micros(row.try_get(NEXT + 1)?));
    }
    run.started_at = row.try_get::<Option<i64>, _>(NEXT + 2)?.map(Timestamp::from_micros);
    run.worker = row.try_get(NEXT + 3)?;
    run.progress = read_progress(row, NEXT + 4)?;
    Ok(run)
}

fn read_ended(row: &PgRow) -> Result<RunRecord, sqlx::Error> {
    let text = |column: usize| row.try_get::<&str, _>(column).map(Arc::<str>::from);
    let ended_at = Timestamp::from_micros(row.try_get(12)?);
    let took: Option<i64> = row.try_get(11)?;
    Ok(RunRecord {
        id: row.try_get(1)?,
        tenant: Tenant::new(row.try_get(0)?),
        job: text(2)?,
        version: u16::try_from(row.try_get::<i32, _>(3)?).unwrap_or(u16::MAX),
        key: Key::from_stored(row.try_get(4)?),
        args: text(5)?,
        // The table lets no other in.
        status: row.try_get::<&str, _>(6)?.parse().unwrap_or(RunStatus::Failed),
        attempts: read_count(row, 7)?,
        crashes: read_count(row, 8)?,
        redrives: read_count(row, 9)?,
        enqueued_at: Timestamp::from_micros(row.try_get(10)?),
        due_at: None,
        started_at: took.map(|took| ended_at - Duration::from_micros(took.unsigned_abs())),
        ended_at: Some(ended_at),
        worker: row.try_get(13)?,
        progress: read_progress(row, 14)?,
        result: row.try_get::<Option<&str>, _>(15)?.map(Arc::from),
        code: row.try_get(16)?,
        reason: row.try_get(17)?,
        trail: read_trail(row.try_get(18)?),
    })
}

fn read_line(row: &PgRow) -> Result<LogLine, sqlx::Error> {
    Ok(LogLine::new(
        row.try_get(0)?,
        Timestamp::from_micros(row.try_get(1)?),
        read_count(row, 2)?,
        LogLevel::from_stored(row.try_get(3)?),
        row.try_get(4)?,
        serde_json::from_str(row.try_get(5)?).unwrap_or_default(),
    ))
}

fn read_progress(row: &PgRow, column: usize) -> Result<Option<wharf::Progress>, sqlx::Error> {
    Ok(row.try_get::<Option<&str>, _>(column)?.and_then(|json| serde_json::from_str(json).ok()))
}

fn write_progress(report: &Report) -> Option<String> {
    report.progress.and_then(|progress| serde_json::to_string(&progress).ok())
}

fn error_of(end: &RunEnd) -> (Option<String>, Option<String>) {
    match &end.error {
        // PostgreSQL stores every character but this one, and an error may quote anything.
        Some((code, reason)) => (Some(code.to_string()), Some(reason.replace('\0', "\u{fffd}"))),
        None => (None, None),
    }
}

fn count(of: u32) -> i32 {
    i32::try_from(of).unwrap_or(i32::MAX)
}
