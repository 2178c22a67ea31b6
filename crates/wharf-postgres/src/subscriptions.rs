//! Subscriptions: declared, listed, confirmed, retired.

use std::{sync::Arc, time::Duration};

use sqlx::{Acquire, PgConnection, PgExecutor, Row, postgres::PgRow};
use wharf::{
    Code, Error, Timestamp,
    ports::{
        Declaration, Declared, JobType, Replacement, Ring, StoredSubscription, Subscription, TimerFiring, Wakeups,
    },
};

use crate::{
    Postgres,
    dead_letters::bury_gone,
    error::failed,
    row::{kind_name, read_kind},
    schedules,
};

const ALL: &str = "
    SELECT message, endpoint, kind, takes_turns, declared_at, (SELECT wharf.wharf_now()) - seen_at
    FROM wharf.subscriptions ORDER BY message, endpoint";

/// Keeps others from declaring until the end of the transaction, and lets everybody read.
const LOCK: &str = "LOCK TABLE wharf.subscriptions IN SHARE ROW EXCLUSIVE MODE";

const DECLARE: &str = "
    INSERT INTO wharf.subscriptions (message, endpoint, kind, takes_turns, declared_at, seen_at)
    SELECT s.message, s.endpoint, s.kind, s.takes_turns, c.now, c.now
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bool[]) AS s(message, endpoint, kind, takes_turns),
         (SELECT wharf.wharf_now()) AS c(now)
    ON CONFLICT (message, endpoint) DO UPDATE
    SET seen_at = excluded.seen_at, kind = excluded.kind, takes_turns = excluded.takes_turns";

/// What a newer worker announced stands.
const ANNOUNCE: &str = "
    INSERT INTO wharf.job_types AS known (name, version, schema)
    SELECT * FROM unnest($1::text[], $2::int[], $3::text[])
    ON CONFLICT (name) DO UPDATE SET version = excluded.version, schema = excluded.schema
    WHERE known.version <= excluded.version
      AND (known.version, known.schema) IS DISTINCT FROM (excluded.version, excluded.schema)";

const JOB_TYPES: &str = "SELECT name, version, schema FROM wharf.job_types ORDER BY name";

const UNSUBSCRIBE: &str = "DELETE FROM wharf.subscriptions WHERE endpoint = $1 AND message = ANY($2)";

const MOVE: &str = "
    UPDATE wharf.deliveries SET endpoint = $1
    WHERE endpoint = $2 AND name = ANY($3) AND held_until <= (SELECT wharf.wharf_now())";

const MOVE_TIMERS: &str = "UPDATE wharf.timers SET endpoint = $1 WHERE endpoint = $2";

const CONFIRM: &str = "
    UPDATE wharf.subscriptions AS d SET seen_at = (SELECT wharf.wharf_now())
    FROM unnest($1::text[], $2::text[]) AS s(message, endpoint)
    WHERE d.message = s.message AND d.endpoint = s.endpoint";

/// What nobody works on, oldest first. One that another retirement is just moving is passed over.
const RETIRE: &str = concat!(
    "WITH forgotten AS (DELETE FROM wharf.subscriptions WHERE endpoint = $1 AND message = $2),
     gone AS (
         DELETE FROM wharf.deliveries WHERE id = ANY(ARRAY(
             SELECT id FROM wharf.deliveries
             WHERE endpoint = $1 AND name = $2 AND held_until <= (SELECT wharf.wharf_now())
             ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED))
         RETURNING *) ",
    bury_gone!("$4", "$5")
);

/// See [`Store::subscriptions`](wharf::ports::Store::subscriptions).
pub(crate) async fn list(engine: &Postgres) -> Result<Vec<StoredSubscription>, Error> {
    find(engine.pool()).await.map_err(|error| failed("read subscriptions", error))
}

async fn find(executor: impl PgExecutor<'_>) -> Result<Vec<StoredSubscription>, sqlx::Error> {
    sqlx::query(ALL).fetch_all(executor).await?.iter().map(read).collect()
}

/// See [`Store::declare`](wharf::ports::Store::declare).
pub(crate) async fn declare(engine: &Postgres, declaration: &Declaration) -> Result<Declared, Error> {
    let what = |error| failed("declare subscriptions", error);
    // Half-way through, an error closes the connection, and what was begun goes with it.
    let mut lane = engine.post().take().await?;
    let mut transaction = lane.begin().await.map_err(what)?;
    sqlx::query(LOCK).execute(&mut *transaction).await.map_err(what)?;
    let problems = declaration.problems(&find(&mut *transaction).await.map_err(what)?);
    if !problems.is_empty() {
        transaction.rollback().await.map_err(what)?;
        lane.finish().await.map_err(what)?;
        return Ok(Declared::Refused(problems));
    }
    for replacement in &declaration.replacements {
        replace(&mut transaction, replacement).await.map_err(what)?;
    }
    schedules::declare(&mut transaction, &declaration.schedules).await.map_err(what)?;
    announce(&mut transaction, &declaration.jobs).await.map_err(what)?;
    let ours = &declaration.subscriptions;
    sqlx::query(DECLARE)
        .bind(texts(ours, |one| &one.message))
        .bind(texts(ours, |one| &one.endpoint))
        .bind(texts(ours, |one| kind_name(one.kind)))
        .bind(ours.iter().map(|one| one.takes_turns).collect::<Vec<_>>())
        .execute(&mut *transaction)
        .await
        .map_err(what)?;
    transaction.commit().await.map_err(what)?;
    lane.finish().await.map_err(what)?;
    let replaced = declaration.replacements.iter().map(|replacement| &*replacement.new);
    engine.committed(replaced.chain([Wakeups::ROUTES, Wakeups::TIMERS]).map(Ring::from));
    Ok(Declared::Accepted)
}

async fn announce(connection: &mut PgConnection, jobs: &[JobType]) -> Result<(), sqlx::Error> {
    let names: Vec<_> = jobs.iter().map(|job| &*job.name).collect();
    let versions: Vec<_> = jobs.iter().map(|job| i32::from(job.version)).collect();
    let schemas: Vec<_> = jobs.iter().map(|job| &*job.schema).collect();
    sqlx::query(ANNOUNCE).bind(names).bind(versions).bind(schemas).execute(connection).await.map(drop)
}

/// See [`Store::job_types`](wharf::ports::Store::job_types).
pub(crate) async fn job_types(engine: &Postgres) -> Result<Vec<JobType>, Error> {
    let rows = sqlx::query_as::<_, (String, i32, String)>(JOB_TYPES).fetch_all(engine.pool()).await;
    let job_type = |(name, version, schema): (String, i32, String)| JobType {
        name: name.into(),
        version: u16::try_from(version).unwrap_or(u16::MAX),
        schema: schema.into(),
    };
    Ok(rows.map_err(|error| failed("read job types", error))?.into_iter().map(job_type).collect())
}

async fn replace(connection: &mut PgConnection, replacement: &Replacement) -> Result<(), sqlx::Error> {
    let Replacement { old, new, messages } = replacement;
    let names: Vec<&str> = messages.iter().map(|name| &**name).collect();
    sqlx::query(UNSUBSCRIBE).bind(&**old).bind(&names).execute(&mut *connection).await?;
    sqlx::query(MOVE).bind(&**new).bind(&**old).bind(&names).execute(&mut *connection).await?;
    if names.contains(&TimerFiring::NAME) {
        sqlx::query(MOVE_TIMERS).bind(&**new).bind(&**old).execute(connection).await?;
    }
    Ok(())
}

/// See [`Store::confirm`](wharf::ports::Store::confirm).
pub(crate) async fn confirm(engine: &Postgres, subscriptions: &[Subscription]) -> Result<(), Error> {
    let mut lane = engine.post().take().await?;
    let confirmed = sqlx::query(CONFIRM)
        .bind(texts(subscriptions, |one| &one.message))
        .bind(texts(subscriptions, |one| &one.endpoint))
        .execute(&mut *lane)
        .await;
    lane.done(confirmed).await.map_err(|error| failed("confirm subscriptions", error))?;
    engine.committed([]);
    Ok(())
}

/// See [`Store::retire`](wharf::ports::Store::retire).
pub(crate) async fn retire(engine: &Postgres, endpoint: &str, message: &str, max: usize) -> Result<u64, Error> {
    let code = Code::SUBSCRIPTION_RETIRED;
    let mut lane = engine.post().take().await?;
    let retired = sqlx::query(RETIRE)
        .bind(endpoint)
        .bind(message)
        .bind(i64::try_from(max).unwrap_or(i64::MAX))
        .bind(code.to_string())
        .bind(code.meaning)
        .execute(&mut *lane)
        .await;
    let retired = lane.done(retired).await.map_err(|error| failed("retire a subscription", error))?;
    engine.committed([Ring::from(Wakeups::ROUTES)]);
    Ok(retired.rows_affected())
}

fn texts<'a>(subscriptions: &'a [Subscription], text: impl Fn(&'a Subscription) -> &'a str) -> Vec<&'a str> {
    subscriptions.iter().map(text).collect()
}

fn read(row: &PgRow) -> Result<StoredSubscription, sqlx::Error> {
    let subscription = Subscription {
        message: Arc::from(row.try_get::<&str, _>(0)?),
        endpoint: Arc::from(row.try_get::<&str, _>(1)?),
        kind: read_kind(row.try_get(2)?),
        takes_turns: row.try_get(3)?,
    };
    let unseen_for = Duration::from_micros(u64::try_from(row.try_get::<i64, _>(5)?).unwrap_or(0));
    Ok(StoredSubscription { subscription, declared_at: Timestamp::from_micros(row.try_get(4)?), unseen_for })
}
