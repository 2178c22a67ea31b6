//! The program, as somebody at a terminal sees it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod bench;
mod database;
mod migrating;
mod queues;
mod sagas;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;
use wharf::{Client, Failure, Job, JobOptions, Module, Msg, Result, Run, Schedule, Tenant, Timetable, Worker};
use wharf_sqlite::Sqlite;

#[derive(Serialize, Deserialize, JsonSchema)]
struct Resize {
    pictures: usize,
}

impl Job for Resize {
    const NAME: &'static str = "pictures.resize";
}

async fn resize(Msg(job): Msg<Resize>, run: Run) -> Result<usize> {
    run.progress(job.pictures, 3);
    match job.pictures {
        0 => Err(Failure::dead_letter("there is none")),
        made => {
            run.info("made");
            Ok(made)
        }
    }
}

/// A database that a worker has left behind: a run that succeeded, one that failed, and a schedule.
struct Left {
    directory: TempDir,
    well: Uuid,
    failed: Uuid,
}

impl Left {
    async fn behind() -> Self {
        let directory = TempDir::new().unwrap();
        let engine = Sqlite::open(directory.path().join("wharf.db")).await.unwrap();
        let nightly = Timetable::cron("0 3 * * *", "Europe/Berlin").unwrap();
        let options = JobOptions::default().retries(0, Duration::from_secs(1));
        let module = Module::new("pictures", ())
            .job_with("resize", options, resize)
            .schedule(Schedule::new(nightly, Resize { pictures: 1 }).named("nightly"));
        let worker = Worker::new(engine.clone()).module(module).ready().await.unwrap();
        let (client, tenant) = (worker.client("test"), Tenant::default());
        let mut ended = (Uuid::nil(), Uuid::nil());
        worker
            .run_until(async {
                let well = client.enqueue(&tenant, Resize { pictures: 3 }).await.unwrap();
                let failed = client.enqueue(&tenant, Resize { pictures: 0 }).await.unwrap();
                for run in [well, failed] {
                    end_of(&client, &tenant, run).await;
                }
                ended = (well, failed);
            })
            .await;
        engine.close().await;
        Self { directory, well: ended.0, failed: ended.1 }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("wharf.db")
    }

    fn wharf(&self, arguments: &[&str]) -> (bool, String) {
        wharf(&self.file(), arguments)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let (ok, said) = self.wharf(&[&["--json"], arguments].concat());
        assert!(ok, "{said}");
        serde_json::from_str(&said).unwrap()
    }
}

/// Runs the program on a database; whether it was content, and what it said.
fn wharf(database: &Path, arguments: &[&str]) -> (bool, String) {
    said(program().arg("--database").arg(database).args(["--who", "jane"]).args(arguments))
}

/// Runs the program on none.
fn wharf_alone(arguments: &[&str]) -> (bool, String) {
    said(program().args(arguments))
}

fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_wharf"));
    program.env_remove("DATABASE_URL");
    program
}

fn said(program: &mut Command) -> (bool, String) {
    let ran = program.output().unwrap();
    let said = [ran.stdout, ran.stderr].concat();
    (ran.status.success(), String::from_utf8(said).unwrap())
}

async fn end_of(client: &Client, tenant: &Tenant, run: Uuid) {
    while !client.run(tenant, run).await.unwrap().unwrap().status.has_ended() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn runs_are_listed_shown_run_again_and_cancelled() {
    let left = Left::behind().await;
    let listed = left.json(&["jobs", "list"]);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let failed = left.json(&["jobs", "list", "--status", "failed", "--job", "pictures.resize"]);
    assert_eq!((&failed[0]["run"], &failed[0]["why"]), (&left.failed.to_string().into(), &"W0004".into()));

    let well = left.json(&["jobs", "show", &left.well.to_string()]);
    assert_eq!((&well["status"], &well["result"], &well["progress"]), (&"succeeded".into(), &3.into(), &"3/3".into()));
    assert_eq!(well["args"], serde_json::json!({ "pictures": 3 }));
    assert!(well["log"][0].as_str().unwrap().ends_with("info  made"), "{well}");

    let (_, said) = left.wharf(&["jobs", "retry", &left.failed.to_string()]);
    assert_eq!(said, format!("{} is queued\n", left.failed));
    let (_, said) = left.wharf(&["jobs", "cancel", &left.failed.to_string()]);
    assert_eq!(said, format!("{} is to be cancelled; it is cancelled\n", left.failed));
    assert_eq!(left.json(&["dead-letters", "list"]), serde_json::json!([]));
}

#[tokio::test]
async fn a_job_is_enqueued_by_its_name_and_who_would_run_it_is_told() {
    let left = Left::behind().await;
    let run = ["jobs", "run", "pictures.resize", "--args", r#"{"pictures":2}"#, "--unique", "album:7"];
    let (ok, said) = left.wharf(&run);
    assert!(ok && said.ends_with("is queued; no worker for this type is alive\n"), "{said}");
    assert_eq!(left.wharf(&run), (true, "another of its key waits or runs\n".to_owned()));
    let queues = left.json(&["queues"]);
    assert_eq!((&queues[0]["endpoint"], &queues[0]["due"]), (&"job:pictures.resize".into(), &1.into()));
    assert_eq!(left.json(&["workers"]), serde_json::json!([]));

    let waits = left.json(&["jobs", "list", "--status", "queued"]);
    assert_eq!(waits[0]["why"], "no worker for this type");

    let (ok, said) = left.wharf(&["jobs", "run", "pictures.resize", "--args", r#"{"pictures":"two"}"#]);
    assert!(!ok && said.contains("W0104: job `pictures.resize`: /pictures: want integer, but got string"), "{said}");
    let types = left.json(&["jobs", "types"]);
    assert_eq!(types, serde_json::json!([{ "job": "pictures.resize", "version": 1, "workers": 0 }]));
    let schema = &left.json(&["jobs", "types", "pictures.resize"])["schema"];
    assert_eq!(schema["properties"]["pictures"]["minimum"], 0);
    let (ok, said) = left.wharf(&["jobs", "run", "pictures.resize", "--args", "{"]);
    assert!(!ok && said.starts_with("wharf: --args is no JSON"), "{said}");
}

#[tokio::test]
async fn schedules_are_shown_paused_changed_and_sent_now() {
    let left = Left::behind().await;
    let listed = left.json(&["schedules", "list"]);
    assert_eq!(
        (&listed[0]["name"], &listed[0]["times"]),
        (&"nightly".into(), &"cron 0 3 * * * in Europe/Berlin".into())
    );
    assert_eq!(left.json(&["schedules", "show", "nightly"])["log"].as_array().unwrap().len(), 5);

    let paused = left.json(&["schedules", "pause", "nightly"]);
    assert_eq!((&paused["changed_by"], &paused["next"]), (&"jane".into(), &Value::Null));
    assert!(left.json(&["schedules", "resume", "nightly"])["next"].is_string());
    let changed = left.json(&["schedules", "change", "nightly", "0 4 * * *", "--zone", "UTC"]);
    assert_eq!((&changed["times"], &changed["version"]), (&"cron 0 4 * * * in UTC".into(), &4.into()));
    let (ok, said) = left.wharf(&["schedules", "change", "nightly", "0 25 * * *"]);
    assert!(!ok && said.starts_with("wharf: W0090"), "{said}");

    let (ok, said) = left.wharf(&["schedules", "run", "nightly", "--args", r#"{"pictures":9}"#]);
    assert!(ok, "{said}");
    let run = left.json(&["jobs", "show", said.split(' ').next().unwrap()]);
    assert_eq!((&run["schedule"], &run["args"]["pictures"]), (&"nightly".into(), &9.into()));
    let sent = left.json(&["jobs", "list", "--schedule", "nightly"]);
    assert_eq!((sent.as_array().unwrap().len(), &sent[0]["run"]), (1, &run["run"]));
    assert_eq!(left.json(&["jobs", "list", "--schedule", "hourly"]), serde_json::json!([]));
    let (ok, said) = left.wharf(&["schedules", "pause", "hourly"]);
    assert!(!ok && said.contains("W0038"), "{said}");
}

#[tokio::test]
async fn dead_letters_are_shown_sent_round_and_discarded_by_who_says_which() {
    let left = Left::behind().await;
    let listed = left.json(&["dead-letters", "list", "--code", "W0004"]);
    let id = listed[0]["id"].to_string();
    let shown = left.json(&["dead-letters", "show", &id]);
    assert_eq!((&shown["reason"], &shown["body"]["pictures"]), (&"there is none".into(), &0.into()));

    let (ok, said) = left.wharf(&["dead-letters", "discard"]);
    assert_eq!((ok, said.as_str()), (false, "wharf: say which: --id, --endpoint, --name or --code; or --all\n"));
    assert_eq!(left.wharf(&["dead-letters", "redrive", "--id", &id]), (true, "1 sent round again\n".to_owned()));
    assert_eq!(left.wharf(&["dead-letters", "discard", "--all"]), (true, "0 discarded\n".to_owned()));
}

#[tokio::test]
async fn what_cannot_be_done_is_said_in_a_line() {
    let left = Left::behind().await;
    let nobody = Uuid::now_v7().to_string();
    let (ok, said) = left.wharf(&["jobs", "show", &nobody]);
    assert!(!ok && said.starts_with(&format!("wharf: there is no run {nobody}")), "{said}");
    let (ok, said) = left.wharf(&["jobs", "retry", &nobody]);
    assert!(!ok && said.contains("W0103"), "{said}");
    let (ok, said) = left.wharf(&["jobs", "list", "--status", "done"]);
    assert!(!ok && said.contains("queued, running, retrying"), "{said}");
    assert_eq!(left.wharf(&["migrate"]), (true, "the tables are up to date\n".to_owned()));

    let lost = "wharf: say which database: --database, or DATABASE_URL\n";
    assert_eq!(wharf_alone(&["queues"]), (false, lost.to_owned()));

    // While a process owns the file.
    let owner = Sqlite::open(left.file()).await.unwrap();
    let (ok, said) = left.wharf(&["jobs", "list"]);
    assert!(!ok && said.contains("W0021") && said.contains("while a process owns a SQLite file"), "{said}");
    owner.close().await;
}
