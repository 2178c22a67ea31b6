//! Jobs that do nothing, their history kept: beside a table of jobs that is claimed and marked as done by hundreds, and
//! beside themselves once a million runs have ended.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::{Connection, Row};
use wharf::{Job, JobOptions, Module, Msg, Result, Tenant, Worker};

use crate::{
    meter::Meter,
    place::{CLIENTS, Place, TAKES},
    table::{Table, Take},
};

/// Kinds of jobs, each with a pump of its own.
const KINDS: usize = 4;
const JOBS: u64 = 200_000;
/// So many run at once, of each kind.
const PARALLEL: usize = 300;
/// Jobs enqueued in one commit.
const BATCH: u64 = 500;

/// Their ids grow, as those of a client do.
const FILL: &str = "
    TRUNCATE wharf.deliveries;
    INSERT INTO wharf.deliveries
        (not_before, sent_at, message_id, version, tenant, endpoint, name, kind, key, trail, body)
    SELECT wharf.wharf_now(), wharf.wharf_now(),
           (lpad(to_hex(n), 12, '0') || '70008000' || substr(md5(n::text), 1, 12))::uuid, 1, 'default', 'job:bench.' || n % 4, 'bench.' || n % 4,
           'job', 'job:bench',
           '{\"correlation\":\"' || gen_random_uuid() || '\",\"conversation\":\"' || gen_random_uuid()
               || '\",\"source\":\"bench\"}',
           '{\"number\":' || n || '}'
    FROM generate_series(1, {rows}) AS n";

const RAW_TABLE: &str = "
    CREATE TABLE IF NOT EXISTS raw_jobs (
        id BIGINT PRIMARY KEY, queue TEXT NOT NULL, state TEXT NOT NULL, args TEXT NOT NULL, taken_at BIGINT, ended_at BIGINT
    ) WITH (fillfactor = 45);
    CREATE INDEX IF NOT EXISTS raw_jobs_due ON raw_jobs (queue, id) WHERE state = 'available';
    TRUNCATE raw_jobs;
    INSERT INTO raw_jobs SELECT n, 'bench.' || n % 4, 'available', '{\"number\":' || n || '}' FROM generate_series(1, {rows}) AS n";

const RAW_CLAIM: &str = "
    UPDATE raw_jobs SET state = 'running', taken_at = wharf.wharf_now() WHERE id = ANY(ARRAY(
        SELECT id FROM raw_jobs WHERE queue = $1 AND state = 'available' ORDER BY queue, id LIMIT 100 FOR UPDATE SKIP LOCKED))
    RETURNING id, args";

const RAW_DONE: &str = "UPDATE raw_jobs SET state = 'completed', ended_at = wharf.wharf_now() WHERE id = ANY($1)";

/// A million runs that have ended.
const HISTORY: &str = "
    INSERT INTO wharf.runs (tenant, id, ended_at, took, sent_at, attempts, crashes, redrives, version, job, status, key, trail,
                            args)
    SELECT 'default', gen_random_uuid(), wharf.wharf_now(), 1, wharf.wharf_now(), 1, 0, 0, 1, 'bench.' || n % 4, 'succeeded',
           'job:bench', '{}', '{}'
    FROM generate_series(1, 1000000) AS n";

#[derive(Serialize, Deserialize, JsonSchema)]
struct Nothing<const KIND: usize> {
    number: i64,
}

impl<const KIND: usize> Job for Nothing<KIND> {
    const NAME: &'static str = ["bench.0", "bench.1", "bench.2", "bench.3"][KIND];
}

async fn nothing<const KIND: usize>(Msg(job): Msg<Nothing<KIND>>) -> Result {
    std::hint::black_box(job.number);
    Ok(())
}

fn module() -> Module<()> {
    let options = || JobOptions::default().max_parallel(PARALLEL);
    Module::new("bench", ())
        .job_with("bench-0", options(), nothing::<0>)
        .job_with("bench-1", options(), nothing::<1>)
        .job_with("bench-2", options(), nothing::<2>)
        .job_with("bench-3", options(), nothing::<3>)
}

pub(crate) async fn measure(place: &Place, table: &mut Table) {
    println!("jobs enqueued by {BATCH} in a commit: {:.0}/s", enqueued_per_s(place).await);
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..TAKES {
        raw.push(raw_rate(place).await);
        place.run("TRUNCATE wharf.runs").await;
        ours.push(our_rate(place).await);
    }
    table.rate("jobs with history / claimed and marked by hundreds", &ours, &raw);

    let mut beside_a_million = Vec::new();
    for _ in 0..TAKES {
        place.run("TRUNCATE wharf.runs").await;
        place.run(HISTORY).await;
        place.run("ANALYZE wharf.runs; CHECKPOINT").await;
        beside_a_million.push(our_rate(place).await);
    }
    table.rate("jobs, a million runs ended / none", &beside_a_million, &ours);
    place.run("TRUNCATE wharf.runs; DROP TABLE raw_jobs").await;
}

async fn enqueued_per_s(place: &Place) -> f64 {
    place.run("TRUNCATE wharf.deliveries").await;
    let engine = place.options().connect().await.unwrap();
    let worker = Worker::new(engine.clone()).ready().await.unwrap();
    let client = worker.client("bench");
    let began = Instant::now();
    for batch in 0..JOBS / BATCH / 4 {
        let work = client.begin(&Tenant::default()).unwrap();
        (0..BATCH).for_each(|nth| work.bus.enqueue(Nothing::<0> { number: (batch * BATCH + nth).cast_signed() }));
        work.commit().await.unwrap();
    }
    let rate = (JOBS / 4) as f64 / began.elapsed().as_secs_f64();
    engine.close().await;
    rate
}

async fn our_rate(place: &Place) -> Take {
    place.run(&FILL.replace("{rows}", &JOBS.to_string())).await;
    place.run("CHECKPOINT").await;
    let before = runs(place).await;
    let engine = place.options().connect().await.unwrap();
    let worker = Worker::new(engine.clone()).module(module()).ready().await.unwrap();
    let vitals = worker.client("bench").vitals().clone();
    let meter = Meter::start(place).await;
    let began = Instant::now();
    let mut rate = 0.0;
    worker
        .run_until(async {
            while vitals.settled_total() < JOBS {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            rate = vitals.settled_total() as f64 / began.elapsed().as_secs_f64();
        })
        .await;
    engine.close().await;
    let cost = meter.stop(JOBS as f64).await;
    assert_eq!(runs(place).await - before, JOBS.cast_signed(), "each job has one run, and it has ended");
    Take { rate, cost }
}

async fn runs(place: &Place) -> i64 {
    let mut connection = place.connection().await;
    let ended = sqlx::query("SELECT count(DISTINCT id) FROM wharf.runs WHERE status = 'succeeded'");
    let ended = ended.fetch_one(&mut connection).await.unwrap().get(0);
    connection.close().await.unwrap();
    ended
}

async fn raw_rate(place: &Place) -> Take {
    place.run(&RAW_TABLE.replace("{rows}", &JOBS.to_string())).await;
    place.run("ANALYZE raw_jobs; CHECKPOINT").await;
    let left = Arc::new(AtomicI64::new(JOBS.cast_signed()));
    let mut clients = Vec::new();
    for client in 0..CLIENTS {
        clients.push((place.connection().await, format!("bench.{}", client % KINDS)));
    }
    let meter = Meter::start(place).await;
    let began = Instant::now();
    let clients: Vec<_> = clients
        .into_iter()
        .map(|(mut connection, queue)| {
            let left = Arc::clone(&left);
            tokio::spawn(async move {
                while left.load(Ordering::Relaxed) > 0 {
                    let taken = sqlx::query(RAW_CLAIM).bind(&queue).fetch_all(&mut connection).await.unwrap();
                    if taken.is_empty() {
                        break;
                    }
                    taken.iter().for_each(|row| drop(std::hint::black_box(row.get::<String, _>("args"))));
                    let ids: Vec<i64> = taken.iter().map(|row| row.get("id")).collect();
                    sqlx::query(RAW_DONE).bind(&ids).execute(&mut connection).await.unwrap();
                    left.fetch_sub(taken.len() as i64, Ordering::Relaxed);
                }
                connection.close().await.unwrap();
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    let taken = JOBS as f64 - left.load(Ordering::Relaxed) as f64;
    let rate = taken / began.elapsed().as_secs_f64();
    Take { rate, cost: meter.stop(taken).await }
}
