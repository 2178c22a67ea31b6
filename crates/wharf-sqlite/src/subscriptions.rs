//! Subscriptions: declared, listed, confirmed, retired.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wharf::{
    Code, Error, Kind, Timestamp,
    ports::{Declaration, Declared, JobType, Replacement, StoredSubscription, Subscription, TimerFiring, Wakeups},
};

use crate::{
    dead_letters::bury,
    deliveries::{document, json, rows},
    engine::Sqlite,
    error::failed,
    schedules,
    script::{Ran, Script},
    turn::at_once,
};

const ALL: &str = "
SELECT json_group_array(json_array(message, endpoint, kind, takes_turns, declared_at, seen_at)) FROM (
    SELECT * FROM wharf_subscriptions ORDER BY message, endpoint)";

/// A row that [`ALL`] returned.
#[derive(Deserialize)]
struct Row {
    message: Arc<str>,
    endpoint: Arc<str>,
    kind: Kind,
    takes_turns: u8,
    declared_at: Timestamp,
    seen_at: Timestamp,
}

/// A subscription as [`DECLARE`] and [`CONFIRM`] take it apart.
#[derive(Serialize)]
struct Ours<'a>(&'a str, &'a str, Kind, u8);

fn read(ran: Option<&Ran>, now: Timestamp) -> Result<Vec<StoredSubscription>, Error> {
    let mut rows: Vec<Row> = rows(&document(ran)?)?;
    rows.sort_unstable_by(|one, other| (&one.message, &one.endpoint).cmp(&(&other.message, &other.endpoint)));
    let stored = |row: Row| StoredSubscription {
        subscription: Subscription {
            message: row.message,
            endpoint: row.endpoint,
            kind: row.kind,
            takes_turns: row.takes_turns != 0,
        },
        declared_at: row.declared_at,
        unseen_for: now.since(row.seen_at),
    };
    Ok(rows.into_iter().map(stored).collect())
}

fn ours(subscriptions: &[Subscription]) -> Result<String, Error> {
    let taken_apart =
        subscriptions.iter().map(|one| Ours(&one.message, &one.endpoint, one.kind, one.takes_turns.into()));
    json(&taken_apart.collect::<Vec<_>>())
}

/// See [`Store::subscriptions`](wharf::ports::Store::subscriptions).
pub(crate) async fn list(engine: &Sqlite) -> Result<Vec<StoredSubscription>, Error> {
    const DOING: &str = "read subscriptions";
    let mut reader = engine.read_pool().acquire().await.map_err(|error| failed(DOING, error))?;
    let ran = Script::new().read(ALL).run(&mut reader).await.map_err(|error| failed(DOING, error))?;
    read(ran.first(), engine.now())
}

/// See [`Store::declare`](wharf::ports::Store::declare). The one writer is the lock.
pub(crate) async fn declare(engine: &Sqlite, declaration: &Declaration) -> Result<Declared, Error> {
    const DOING: &str = "declare subscriptions";
    let mut turn = engine.writer().turn().await?;
    let ran = Script::new().read(ALL).run(turn.connection()?).await.map_err(|error| failed(DOING, error))?;
    let now = engine.now();
    let problems = declaration.problems(&read(ran.first(), now)?);
    if !problems.is_empty() {
        turn.undo().await;
        return Ok(Declared::Refused(problems));
    }
    let mut bells = [Wakeups::ROUTES, Wakeups::TIMERS].map(at_once).to_vec();
    let mut script = Script::new();
    for replacement in &declaration.replacements {
        script = replace(script, replacement, now)?;
        bells.push(at_once(&replacement.new));
    }
    script = schedules::declare(turn.connection()?, script, &declaration.schedules, now).await?;
    script = script.write(ANNOUNCE).bind(announced(&declaration.jobs)?);
    script = script.write(DECLARE).bind(now.as_micros()).bind(now.as_micros()).bind(ours(&declaration.subscriptions)?);
    turn.end(DOING, script, bells).await?.committed()?;
    Ok(Declared::Accepted)
}

/// Arrays of message, endpoint, kind, takes_turns. `WHERE true`, or `ON` would be taken for a join's.
const DECLARE: &str = "
INSERT INTO wharf_subscriptions (declared_at, seen_at, message, endpoint, kind, takes_turns)
SELECT ?, ?, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?) WHERE true
ON CONFLICT DO UPDATE SET seen_at = excluded.seen_at, kind = excluded.kind, takes_turns = excluded.takes_turns";

/// Arrays of name, version, schema. What a newer worker announced stands.
const ANNOUNCE: &str = "
INSERT INTO wharf_job_types (name, version, schema)
SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?) WHERE true
ON CONFLICT DO UPDATE SET version = excluded.version, schema = excluded.schema WHERE version <= excluded.version";

const JOB_TYPES: &str = "SELECT name, version, schema FROM wharf_job_types ORDER BY name";

fn announced(jobs: &[JobType]) -> Result<String, Error> {
    json(&jobs.iter().map(|job| (&*job.name, job.version, &*job.schema)).collect::<Vec<_>>())
}

/// See [`Store::job_types`](wharf::ports::Store::job_types).
pub(crate) async fn job_types(engine: &Sqlite) -> Result<Vec<JobType>, Error> {
    let rows = sqlx::query_as::<_, (String, i64, String)>(JOB_TYPES).fetch_all(engine.read_pool()).await;
    let job_type = |(name, version, schema): (String, i64, String)| JobType {
        name: name.into(),
        version: u16::try_from(version).unwrap_or(u16::MAX),
        schema: schema.into(),
    };
    Ok(rows.map_err(|error| failed("read job types", error))?.into_iter().map(job_type).collect())
}

fn replace(script: Script, replacement: &Replacement, now: Timestamp) -> Result<Script, Error> {
    let Replacement { old, new, messages } = replacement;
    let names = json(messages)?;
    let mut script = script
        .write(UNSUBSCRIBE)
        .bind(&**old)
        .bind(names.clone())
        .write(MOVE)
        .bind(&**new)
        .bind(&**old)
        .bind(now.as_micros())
        .bind(names);
    if messages.iter().any(|name| **name == *TimerFiring::NAME) {
        script = script.write(MOVE_TIMERS).bind(&**new).bind(&**old);
    }
    Ok(script)
}

const UNSUBSCRIBE: &str =
    "DELETE FROM wharf_subscriptions WHERE endpoint = ? AND message IN (SELECT value FROM json_each(?))";

const MOVE: &str = "
UPDATE wharf_deliveries SET endpoint = ?
WHERE endpoint = ? AND (held = 0 OR not_before <= ?) AND name IN (SELECT value FROM json_each(?))";

const MOVE_TIMERS: &str = "UPDATE wharf_timers SET endpoint = ? WHERE endpoint = ?";

/// See [`Store::confirm`](wharf::ports::Store::confirm).
pub(crate) async fn confirm(engine: &Sqlite, subscriptions: &[Subscription]) -> Result<(), Error> {
    let script = Script::new().write(CONFIRM).bind(engine.now().as_micros()).bind(ours(subscriptions)?);
    engine.writer().run("confirm subscriptions", script, Vec::new()).await?.committed().map(drop)
}

const CONFIRM: &str = "
UPDATE wharf_subscriptions SET seen_at = ?
WHERE (message, endpoint) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))";

/// See [`Store::retire`](wharf::ports::Store::retire).
pub(crate) async fn retire(engine: &Sqlite, endpoint: &str, message: &str, max: usize) -> Result<u64, Error> {
    let (now, code) = (engine.now().as_micros(), Code::SUBSCRIPTION_RETIRED);
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let waiting = |script: Script| script.bind(endpoint).bind(message).bind(now).bind(max);
    let script = Script::new().write(FORGET).bind(endpoint).bind(message);
    let script = waiting(script.write(BURY).bind(code.to_string()).bind(code.meaning).bind(now));
    let script = waiting(script.write(DELETE));
    let bells = vec![at_once(Wakeups::ROUTES)];
    let ran = engine.writer().run("retire a subscription", script, bells).await?.committed()?;
    Ok(ran.get(1).map_or(0, |buried| buried.changed))
}

const FORGET: &str = "DELETE FROM wharf_subscriptions WHERE endpoint = ? AND message = ?";

/// What nobody works on, oldest first.
macro_rules! waiting {
    () => {
        "(SELECT id FROM wharf_deliveries WHERE endpoint = ? AND name = ? AND (held = 0 OR not_before <= ?)
          ORDER BY id LIMIT ?)"
    };
}

const BURY: &str = bury!(waiting!());

const DELETE: &str = concat!("DELETE FROM wharf_deliveries WHERE id IN ", waiting!());
