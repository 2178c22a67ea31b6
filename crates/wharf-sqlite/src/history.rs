//! The history of jobs.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::Deserialize;
use uuid::Uuid;
use wharf::{
    Error, Key, LogLevel, LogLine, Progress, RunFilter, RunRecord, RunStatus, Tenant, Timestamp, micros,
    ports::{History, Lease, Report, Settlement},
};

use crate::{
    deliveries::{Stored, document, json, read_trail, rows, stored},
    engine::Sqlite,
    error::failed,
    script::Script,
};

/// Adds the statements that write how the runs of these settlements ended and what they logged, provided that each is
/// still held under its lease. They come before those that delete the deliveries.
pub(crate) fn tell<'a>(
    mut script: Script,
    reports: impl Iterator<Item = (Lease, &'a Report)>,
    now: Timestamp,
) -> Result<Script, Error> {
    let (mut ends, mut runs, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    for (lease, report) in reports {
        if let Some(end) = &report.end {
            let error = end.error.as_ref().map(|(code, reason)| (code.to_string(), reason));
            let (code, reason) = error.unzip();
            let progress = report.progress.map(|progress| json(&progress)).transpose()?;
            let (took, result) = (report.took.map(micros), end.result.as_deref());
            let Lease { id, epoch } = lease;
            ends.push((id, epoch, took, report.worker, end.attempts, end.status, progress, result, code, reason));
            runs.extend(report.is_known.then_some((report.tenant.as_str(), report.run)));
        }
        for line in &report.lines {
            let fields = json(&line.fields)?;
            let (tenant, text) = (report.tenant.as_str(), line.text.as_str());
            lines.push((tenant, report.run, line.id, line.at, line.attempt, line.level, text, fields));
        }
    }
    if !ends.is_empty() {
        script = script.write_exactly(ends.len(), END).bind(now.as_micros()).bind(json(&ends)?);
    }
    if !runs.is_empty() {
        script = script.write(FORGET_NEWS).bind(json(&runs)?);
    }
    if !lines.is_empty() {
        script = script.write(WRITE_LINES).bind(json(&lines)?);
    }
    Ok(script)
}

/// What settlements have to tell of runs.
pub(crate) fn reports<'a>(batch: &[&'a Settlement]) -> impl Iterator<Item = (Lease, &'a Report)> {
    batch.iter().filter_map(|one| Some((one.lease, one.report.as_deref()?)))
}

/// Arrays of id, epoch, took, worker, attempts, status, progress, result, code, reason. The deliveries are deleted by another
/// statement.
const END: &str = "
INSERT OR REPLACE INTO wharf_runs (ended_at, tenant, id, took, sent_at, worker, attempts, crashes, redrives, version, job,
                                   status, key, trail, args, progress, result, code, reason)
SELECT ?, d.tenant, d.message_id, s.value ->> 2, d.sent_at, s.value ->> 3, s.value ->> 4, d.crashes, d.redrives, d.version,
       d.name, s.value ->> 5, d.key, d.trail, d.body, s.value ->> 6, s.value ->> 7, s.value ->> 8, s.value ->> 9
FROM jsonb_each(?) AS s CROSS JOIN wharf_deliveries AS d
WHERE d.id = s.value ->> 0 AND d.epoch = s.value ->> 1 AND d.held = 1";

const FORGET_NEWS: &str = "
DELETE FROM wharf_run_news WHERE (tenant, run) IN (SELECT value ->> 0, value ->> 1 FROM jsonb_each(?))";

/// One that is told again is known by its id.
const WRITE_LINES: &str = "
INSERT OR IGNORE INTO wharf_run_lines (tenant, run, id, at, attempt, level, text, fields)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7
FROM jsonb_each(?)";

/// Arrays of id, epoch, took, worker, progress.
const TELL_NEWS: &str = "
INSERT OR REPLACE INTO wharf_run_news (told_at, took, worker, progress, tenant, run, epoch)
SELECT ?, value ->> 2, value ->> 3, value ->> 4, d.tenant, d.message_id, d.epoch
FROM jsonb_each(?) CROSS JOIN wharf_deliveries AS d
WHERE d.id = value ->> 0 AND d.epoch = value ->> 1 AND d.held = 1";

/// The places, in an array of id and epoch, of those that are held.
const HELD: &str = "
SELECT json_group_array(told.key) FROM jsonb_each(?) AS told CROSS JOIN wharf_deliveries AS d
WHERE d.id = told.value ->> 0 AND d.epoch = told.value ->> 1 AND d.held = 1";

/// Adds the statements that end the jobs that wait of a message; `meant` is a subquery of their ids.
macro_rules! end_cancelled {
    ($meant:expr) => {
        concat!(
            "INSERT OR REPLACE INTO wharf_runs (code, reason, ended_at, tenant, id, sent_at, attempts, crashes, redrives,
                                                version, job, status, key, trail, args)
             SELECT ?, ?, ?, tenant, message_id, sent_at, attempt, crashes, redrives, version, name, 'cancelled', key,
                    trail, body
             FROM wharf_deliveries WHERE kind = 'job' AND id IN ",
            $meant
        )
    };
}
pub(crate) use end_cancelled;

/// SQLite plans before it knows what is bound, so each way to look has a statement of its own.
macro_rules! active {
    ($one:literal) => {
        concat!(
            "SELECT json_group_array(json_array(held, not_before, told, worker, progress, ",
            stored!(),
            "))
     FROM (SELECT d.*, n.told_at - n.took AS told, n.worker, n.progress
           FROM wharf_deliveries AS d
           LEFT JOIN wharf_run_news AS n
               ON n.tenant = d.tenant AND n.run = d.message_id AND n.epoch = d.epoch AND d.held = 1
           WHERE d.kind = 'job' AND ",
            $one,
            " AND ($2 IS NULL OR d.tenant = $2) AND ($3 IS NULL OR d.endpoint = 'job:' || $3)
             AND ($4 IS NULL
                  OR $4 = CASE WHEN d.held = 1 THEN 'running' WHEN d.attempt > 0 THEN 'retrying' ELSE 'queued' END)
             AND ($5 IS NULL OR d.unique_key = $5)
             AND ($7 IS NULL OR $7 = CASE WHEN json_valid(d.trail) THEN d.trail ->> '$.firing.schedule' END)
           ORDER BY d.id LIMIT $6)"
        )
    };
}

const ACTIVE: &str = active!("$1 IS NULL");
const ACTIVE_ONE: &str = active!("d.message_id = $1");

macro_rules! ended {
    ($($runs:tt)*) => {
        concat!(
            "SELECT json_group_array(json_array(tenant, id, job, version, key, args, status, attempts, crashes, redrives,
                                                sent_at, took, ended_at, worker, progress, result, code, reason, trail))
             FROM (SELECT * FROM (",
            $($runs)*,
            ") ORDER BY ended_at DESC, id DESC LIMIT $6)"
        )
    };
}

/// The last that ended so.
macro_rules! ended_so {
    ($status:literal) => {
        concat!(
            "SELECT * FROM (SELECT * FROM wharf_runs
                            WHERE status = '",
            $status,
            "' AND $1 IS NULL AND $3 IS NULL AND ($2 IS NULL OR tenant = $2) AND ($4 IS NULL OR $4 = '",
            $status,
            "') AND ($5 IS NULL OR ended_at < $5)
                            ORDER BY ended_at DESC, id DESC LIMIT $6)"
        )
    };
}

/// The last of each way to end, and of those the last.
const ENDED: &str = ended!(
    ended_so!("succeeded"),
    " UNION ALL ",
    ended_so!("failed"),
    " UNION ALL ",
    ended_so!("cancelled"),
    " UNION ALL ",
    ended_so!("timed-out")
);

const ENDED_OF_JOB: &str = ended!(
    "SELECT * FROM wharf_runs
     WHERE job = $3 AND $1 IS NULL AND ($2 IS NULL OR tenant = $2) AND ($4 IS NULL OR status = $4)
       AND ($5 IS NULL OR ended_at < $5)
     ORDER BY ended_at DESC, id DESC LIMIT $6"
);

/// The last that a schedule enqueued.
const ENDED_OF_SCHEDULE: &str = ended!(
    r#"SELECT * FROM wharf_runs
     WHERE instr(trail, '"firing":{') > 0
       AND CASE WHEN json_valid(trail) THEN trail ->> '$.firing.schedule' END = $7
       AND ($1 IS NULL OR id = $1) AND ($2 IS NULL OR tenant = $2) AND ($3 IS NULL OR job = $3)
       AND ($4 IS NULL OR status = $4) AND ($5 IS NULL OR ended_at < $5)
     ORDER BY ended_at DESC, id DESC LIMIT $6"#
);

/// One of a tenant is found by its key; any tenant's is looked for.
const ENDED_ONE: &str = ended!(
    "SELECT * FROM wharf_runs
     WHERE tenant = $2 AND id = $1 AND ($3 IS NULL OR job = $3) AND ($4 IS NULL OR status = $4)
       AND ($5 IS NULL OR ended_at < $5)
     UNION ALL
     SELECT * FROM wharf_runs
     WHERE $2 IS NULL AND id = $1 AND ($3 IS NULL OR job = $3) AND ($4 IS NULL OR status = $4)
       AND ($5 IS NULL OR ended_at < $5)"
);

const LINES: &str = "
SELECT json_group_array(json_array(id, at, attempt, level, text, fields))
FROM (SELECT * FROM wharf_run_lines WHERE tenant = $1 AND run = $2 AND ($3 IS NULL OR id > $3) ORDER BY id LIMIT $4)";

#[async_trait]
impl History for Sqlite {
    async fn report(&self, reports: &[(Lease, Report)]) -> Result<Vec<bool>, Error> {
        const DOING: &str = "report runs";
        let leases: Vec<_> = reports.iter().map(|(lease, _)| (lease.id, lease.epoch)).collect();
        let mut turn = self.writer().turn().await?;
        let held = Script::new().read(HELD).bind(json(&leases)?);
        let held = held.run(turn.connection()?).await.map_err(|error| failed(DOING, error))?;
        let places: Vec<usize> = rows(&document(held.first())?)?;
        let ours = || places.iter().filter_map(|place| reports.get(*place)).map(|(lease, report)| (*lease, report));
        let mut news = Vec::new();
        for (lease, report) in ours() {
            let progress = report.progress.map(|progress| json(&progress)).transpose()?;
            news.push((lease.id, lease.epoch, report.took.map(micros), report.worker, progress));
        }
        let script = Script::new().write(TELL_NEWS).bind(self.now().as_micros()).bind(json(&news)?);
        turn.end(DOING, tell(script, ours(), self.now())?, Vec::new()).await?.committed()?;
        Ok((0..reports.len()).map(|place| places.contains(&place)).collect())
    }

    async fn active(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, Error> {
        let active = if filter.id.is_some() { ACTIVE_ONE } else { ACTIVE };
        let script = bind(Script::new().read(active), filter).bind(filter.unique.as_deref());
        let script = script.bind(filter.limit_rows()).bind(filter.schedule.as_deref());
        let document = self.read(script, "read runs").await?;
        Ok(rows::<Active<'_>>(&document)?.into_iter().map(Active::open).collect())
    }

    async fn ended(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, Error> {
        if filter.unique.is_some() {
            return Ok(Vec::new());
        }
        let before = filter.ended_before.map(Timestamp::as_micros);
        let ended = match (filter.id, &filter.schedule, &filter.job) {
            (_, Some(_), _) => ENDED_OF_SCHEDULE,
            (Some(_), None, _) => ENDED_ONE,
            (None, None, Some(_)) => ENDED_OF_JOB,
            (None, None, None) => ENDED,
        };
        let mut script = bind(Script::new().read(ended), filter).bind(before).bind(filter.limit_rows());
        if let Some(schedule) = &filter.schedule {
            script = script.bind(schedule.as_str());
        }
        let document = self.read(script, "read runs").await?;
        Ok(rows::<Ended>(&document)?.into_iter().map(Ended::open).collect())
    }

    async fn lines(&self, tenant: &Tenant, run: Uuid, after: Option<Uuid>, max: u32) -> Result<Vec<LogLine>, Error> {
        let script = Script::new().read(LINES).bind(tenant.as_str()).bind(run.to_string());
        let script = script.bind(after.map(|after| after.to_string())).bind(max);
        let document = self.read(script, "read a run's log").await?;
        Ok(rows::<Line>(&document)?.into_iter().map(Line::open).collect())
    }
}

impl Sqlite {
    /// The one document that a script reads.
    async fn read(&self, script: Script, doing: &'static str) -> Result<String, Error> {
        let mut reader = self.read_pool().acquire().await.map_err(|error| failed(doing, error))?;
        let ran = script.run(&mut reader).await.map_err(|error| failed(doing, error))?;
        Ok(document(ran.first())?.into_owned())
    }
}

/// Binds `$1` to `$4`: which run, whose, of which job, and where it stands.
fn bind(script: Script, filter: &RunFilter) -> Script {
    let script = script.bind(filter.id.map(|id| id.to_string())).bind(filter.tenant.as_ref().map(|one| one.as_str()));
    script.bind(filter.job.as_deref()).bind(filter.status.map(RunStatus::as_str))
}

/// A row that [`ACTIVE`] returned.
#[derive(Deserialize)]
struct Active<'a> {
    held: i64,
    not_before: Timestamp,
    started_at: Option<Timestamp>,
    worker: Option<Uuid>,
    progress: Option<String>,
    #[serde(borrow)]
    message: Stored<'a>,
}

impl Active<'_> {
    fn open(self) -> RunRecord {
        let (envelope, body) = self.message.open();
        let is_held = self.held != 0;
        let mut run = RunRecord::of(&envelope, &body, RunStatus::of_active(is_held, envelope.attempt));
        run.due_at = (!is_held).then_some(self.not_before);
        (run.started_at, run.worker, run.progress) = (self.started_at, self.worker, progress(self.progress.as_deref()));
        run
    }
}

/// A row that [`ENDED`] returned.
#[derive(Deserialize)]
struct Ended {
    tenant: Tenant,
    id: Uuid,
    job: String,
    version: u16,
    key: Key,
    args: String,
    status: RunStatus,
    attempts: u32,
    crashes: u32,
    redrives: u32,
    sent_at: Timestamp,
    took: Option<u64>,
    ended_at: Timestamp,
    worker: Option<Uuid>,
    progress: Option<String>,
    result: Option<String>,
    code: Option<String>,
    reason: Option<String>,
    trail: String,
}

impl Ended {
    fn open(self) -> RunRecord {
        RunRecord {
            id: self.id,
            tenant: self.tenant,
            job: Arc::from(self.job),
            version: self.version,
            key: self.key,
            args: Arc::from(self.args),
            status: self.status,
            attempts: self.attempts,
            crashes: self.crashes,
            redrives: self.redrives,
            enqueued_at: self.sent_at,
            due_at: None,
            started_at: self.took.map(|took| self.ended_at - Duration::from_micros(took)),
            ended_at: Some(self.ended_at),
            worker: self.worker,
            progress: progress(self.progress.as_deref()),
            result: self.result.map(Arc::from),
            code: self.code,
            reason: self.reason,
            trail: read_trail(&self.trail),
        }
    }
}

fn progress(json: Option<&str>) -> Option<Progress> {
    serde_json::from_str(json?).ok()
}

/// A row that [`LINES`] returned.
#[derive(Deserialize)]
struct Line {
    id: Uuid,
    at: Timestamp,
    attempt: u32,
    level: String,
    text: String,
    fields: String,
}

impl Line {
    fn open(self) -> LogLine {
        let fields = serde_json::from_str(&self.fields).unwrap_or_default();
        LogLine::new(self.id, self.at, self.attempt, LogLevel::from_stored(&self.level), self.text, fields)
    }
}
