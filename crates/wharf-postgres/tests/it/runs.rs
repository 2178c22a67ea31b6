//! What the runs of jobs leave in the tables of their history.

use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{sync::Notify, task::JoinHandle};
use uuid::Uuid;
use wharf::{Client, Job, Module, Msg, Result, Run, RunRecord, RunStatus, State, Tenant, Worker};
use wharf_postgres::Postgres;

use crate::database::Database;

/// Real time: it guards the test, and nothing waits for it.
const HANGS_AFTER: Duration = Duration::from_secs(60);

#[derive(Serialize, Deserialize, JsonSchema)]
struct Render {
    logs: bool,
}

impl Job for Render {
    const NAME: &'static str = "films.render";
}

/// It ends when it may.
async fn render(Msg(job): Msg<Render>, State(may_end): State<Arc<Notify>>, run: Run) -> Result {
    if job.logs {
        run.info("it has begun");
    }
    run.progress(1, 2);
    may_end.notified().await;
    Ok(())
}

struct Studio {
    database: Database,
    engine: Postgres,
    client: Client,
    may_end: Arc<Notify>,
    stop: Arc<Notify>,
    worker: JoinHandle<()>,
}

impl Studio {
    /// What `before` does is done before its worker begins.
    async fn open(before: impl AsyncFnOnce(&Client, &Postgres)) -> Self {
        let database = Database::create().await;
        let engine = database.engine().await;
        let (may_end, stop) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let module = Module::new("films", Arc::clone(&may_end)).job("render", render);
        let worker = Worker::new(engine.clone()).module(module).ready().await.unwrap();
        let client = worker.client("test");
        before(&client, &engine).await;
        let asked = Arc::clone(&stop);
        let worker = tokio::spawn(async move { worker.run_until(asked.notified()).await });
        Self { database, engine, client, may_end, stop, worker }
    }

    async fn until(&self, run: Uuid, is_so: impl Fn(&RunRecord) -> bool) -> RunRecord {
        loop {
            let record = self.client.run(&Tenant::default(), run).await.unwrap();
            if let Some(record) = record.filter(&is_so) {
                return record;
            }
        }
    }

    async fn count(&self, from: &'static str) -> i64 {
        sqlx::query_scalar(from).fetch_one(self.engine.pool()).await.unwrap()
    }

    async fn close(self) {
        self.stop.notify_one();
        self.worker.await.unwrap();
        self.engine.close().await;
        self.database.remove().await;
    }
}

#[tokio::test]
async fn what_a_run_told_while_it_went_on_goes_with_its_end() {
    const NEWS: &str = "SELECT count(*) FROM wharf.run_news";
    let studio = Studio::open(async |_, _| {}).await;
    let run = studio.client.enqueue(&Tenant::default(), Render { logs: false }).await.unwrap();
    studio.until(run, |run| run.progress.is_some()).await;
    assert_eq!(studio.count(NEWS).await, 1);
    studio.may_end.notify_one();
    studio.until(run, |run| run.status == RunStatus::Succeeded).await;
    assert_eq!(studio.count(NEWS).await, 0);
    studio.close().await;
}

/// As when a foreign hand has written a history of its own, or given two deliveries one id. Those that log are settled in a
/// transaction of several statements, the others by one.
#[tokio::test]
async fn a_run_under_whose_id_another_has_ended_takes_its_place_and_keeps_nobody_from_being_settled() {
    tokio::time::timeout(HANGS_AFTER, three_runs_end_of_which_one_has_a_forged_end())
        .await
        .expect("one is never settled");
}

async fn three_runs_end_of_which_one_has_a_forged_end() {
    const ENDED: &str = "
        INSERT INTO wharf.runs (tenant, id, ended_at, sent_at, attempts, crashes, redrives, version, job, status, key, trail,
                                args)
        VALUES ('default', $1, wharf.wharf_now(), 1, 7, 0, 0, 1, 'films.forged', 'failed', '', '{}', '{}')";
    for logs in [false, true] {
        let mut runs = Vec::new();
        let studio = Studio::open(async |client: &Client, engine: &Postgres| {
            for _ in 0..3 {
                runs.push(client.enqueue(&Tenant::default(), Render { logs }).await.unwrap());
            }
            sqlx::query(ENDED).bind(runs[1]).execute(engine.pool()).await.unwrap();
        })
        .await;
        // Each has begun, so that they end together.
        while studio.client.vitals().settled_total() < 3 {
            studio.may_end.notify_waiters();
            tokio::task::yield_now().await;
        }
        for run in runs {
            let record = studio.until(run, |run| run.status == RunStatus::Succeeded).await;
            assert_eq!(record.attempts, 1, "logs: {logs}");
        }
        assert_eq!(studio.count("SELECT count(*) FROM wharf.deliveries").await, 0);
        assert_eq!(studio.count("SELECT count(*) FROM wharf.run_lines").await, if logs { 3 } else { 0 });
        studio.close().await;
    }
}
