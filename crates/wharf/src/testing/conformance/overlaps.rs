//! Schedules of jobs: what becomes of a due time while an earlier run goes on, and of a schedule whose runs keep failing.

use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Stage, Subject};
use crate::{
    Failure, Job, JobOptions, Module, Msg, Overlap, Result, RunFilter, RunRecord, RunStatus, Schedule, Tenant,
    Timetable, Worker, testing::Harness,
};

const MINUTE: Duration = Duration::from_secs(60);

/// A job that fails so many times, each a minute and a half before the next.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Audit {
    failures: u32,
}

impl Job for Audit {
    const NAME: &'static str = "case.audit";
}

async fn audit(Msg(job): Msg<Audit>, run: crate::Run) -> Result<u32> {
    if run.attempt() <= job.failures { Err(Failure::retry("the books are closed")) } else { Ok(run.attempt()) }
}

fn each_minute(failures: u32) -> Schedule {
    // Its name is one that JSON writes otherwise.
    Schedule::new(Timetable::every(MINUTE), Audit { failures }).named(r#"the "audit""#)
}

async fn auditor<S: Subject>(stage: &Stage<S>, retries: u32, schedule: Schedule) -> Harness {
    let options = JobOptions::default().retries(retries, Duration::from_secs(90));
    let module = Module::new("case", ()).job_with("audit", options, audit).schedule(schedule);
    Harness::start(Worker::new(stage.engine()).module(module), stage.clock()).await
}

/// Those of the schedule, the first first.
async fn runs(app: &Harness) -> Vec<RunRecord> {
    let filter = RunFilter::default().schedule(r#"the "audit""#);
    let mut runs = app.client().runs(&filter).await.unwrap();
    runs.sort_by_key(|run| run.trail.firing.as_ref().and_then(|firing| firing.due_at));
    runs
}

pub async fn the_runs_of_a_schedule_are_found_among_others<S: Subject>(stage: &mut Stage<S>) {
    let mut app = auditor(stage, 1, each_minute(0)).await;
    app.enqueue(Audit { failures: 0 }).await;
    app.wind(MINUTE * 3).await;
    assert_eq!(runs(&app).await.len(), 3);
    let client = app.client();
    assert_eq!(client.runs(&RunFilter::default()).await.unwrap().len(), 4);
    let last = client.runs(&RunFilter::default().schedule(r#"the "audit""#).limit(1)).await.unwrap();
    assert_eq!(last[0].id, runs(&app).await[2].id, "the last one first");
    for name in ["the", r#"the \"audit\""#, "case.audit"] {
        assert_eq!(client.runs(&RunFilter::default().schedule(name)).await.unwrap(), [], "{name}");
    }
    let job = RunFilter::default().schedule(r#"the "audit""#).job("case.dig");
    assert_eq!(client.runs(&job).await.unwrap(), []);
    app.leaving_behind();
}

pub async fn an_overlapping_due_time_is_skipped_and_recorded<S: Subject>(stage: &mut Stage<S>) {
    let mut app = auditor(stage, 1, each_minute(1).overlap(Overlap::Skip)).await;
    // Due after 1, 2, 3 and 4 minutes; the first run ends half a minute after the second due time.
    app.wind(MINUTE * 4).await;
    let (stored, runs) = (app.client().schedules().await.unwrap(), runs(&app).await);
    let due: Vec<_> = runs.iter().map(|run| run.status).collect();
    assert_eq!(due, [RunStatus::Succeeded, RunStatus::Retrying]);
    assert_eq!((stored[0].skipped, stored[0].missed), (2, 0));
    app.leaving_behind();
}

pub async fn overlapping_due_times_queue_in_order<S: Subject>(stage: &mut Stage<S>) {
    let mut app = auditor(stage, 1, each_minute(1).overlap(Overlap::Queue)).await;
    app.wind(MINUTE * 2).await;
    let status = async |app: &Harness| runs(app).await.iter().map(|run| run.status).collect::<Vec<_>>();
    assert_eq!(status(&app).await, [RunStatus::Retrying, RunStatus::Queued], "the second waits for the first");
    // One that no schedule enqueued is not held up.
    let aside = app.enqueue(Audit { failures: 0 }).await;
    app.settle().await;
    assert_eq!(app.run(aside).await.status, RunStatus::Succeeded);
    app.wind(Duration::from_secs(30)).await;
    assert_eq!(status(&app).await, [RunStatus::Succeeded, RunStatus::Retrying], "its turn has come");
    app.wind(Duration::from_secs(90)).await;
    let all = runs(&app).await;
    let ended: Vec<_> = all.iter().filter_map(|run| run.ended_at).collect();
    assert!(ended.len() == 2 && ended.is_sorted(), "{ended:?}");
    assert_eq!(all.len(), 4);
    app.leaving_behind();
}

pub async fn a_schedule_whose_runs_keep_failing_is_paused_until_somebody_resumes_it<S: Subject>(stage: &mut Stage<S>) {
    let mut app = auditor(stage, 0, each_minute(9).pause_after(3, MINUTE * 10)).await;
    app.wind(MINUTE * 6).await;
    assert_eq!(runs(&app).await.len(), 3, "it is due no more");
    let stored = app.client().schedules().await.unwrap();
    let because = stored[0].paused_because.as_deref().unwrap_or_default();
    assert_eq!(because, "its last 3 runs failed within 600s; the last of them: the books are closed");
    assert_eq!((stored[0].changed_by.as_deref(), stored[0].paused_at.is_some()), (Some("wharf"), true));

    // Whoever resumes it begins a new count.
    let (tenant, name): (_, Arc<str>) = (Tenant::default(), Arc::from(r#"the "audit""#));
    let resumed = app.client().resume_schedule(&tenant, &name, "jane").await.unwrap();
    assert_eq!((resumed.paused_at, resumed.paused_because), (None, None));
    app.wind(MINUTE * 6).await;
    assert_eq!(runs(&app).await.len(), 6);
    app.leaving_behind();
}

pub async fn failures_that_are_far_apart_pause_nothing<S: Subject>(stage: &mut Stage<S>) {
    let mut app = auditor(stage, 0, each_minute(9).pause_after(3, MINUTE)).await;
    app.wind(MINUTE * 6).await;
    assert_eq!(runs(&app).await.len(), 6, "three failures take two minutes");
    app.leaving_behind();
}

pub async fn a_good_end_in_between_begins_a_new_count<S: Subject>(stage: &mut Stage<S>) {
    let mut app = auditor(stage, 0, each_minute(9).pause_after(3, MINUTE * 10)).await;
    let (tenant, good) = (Tenant::default(), serde_json::json!({ "failures": 0 }));
    for _ in 0..3 {
        app.client().trigger_schedule_with(&tenant, r#"the "audit""#, &good, "jane").await.unwrap();
        app.wind(MINUTE * 2).await;
    }
    assert_eq!(app.client().schedules().await.unwrap()[0].paused_at, None);
    app.leaving_behind();
}
