//! Filters: what looks at every job before and after its handler.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wharf::{
    Client, Failure, Job, JobFilter, JobOptions, Memory, MemoryTx, Module, Msg, Result, Run, RunStatus, Tenant, Tx,
    Worker, snooze,
    testing::{Harness, ManualClock},
};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Bake {
    ends: Ends,
}

#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
enum Ends {
    Well,
    InAPanic,
    TooLate,
}

impl Job for Bake {
    const NAME: &'static str = "kitchen.bake";
}

async fn bake(Msg(job): Msg<Bake>, mut tx: Tx) -> Result<&'static str> {
    match job.ends {
        Ends::Well => tx.memory().await?.put("oven", "used"),
        Ends::InAPanic => panic!("burnt"),
        Ends::TooLate => std::future::pending().await,
    }
    Ok("bread")
}

type Told = Arc<Mutex<Vec<String>>>;

/// Notes all that it sees, and answers as a test wants.
#[derive(Debug)]
struct Watch {
    name: &'static str,
    told: Told,
    before: fn() -> Result,
}

#[async_trait]
impl JobFilter for Watch {
    async fn before(&self, run: &Run) -> Result {
        self.told.lock().unwrap().push(format!("{} before {} {}", self.name, run.job(), run.attempt()));
        (self.before)()
    }

    async fn after(&self, _: &Run, answer: &Result) {
        let answer = answer.as_ref().map_or_else(ToString::to_string, |()| "well".to_owned());
        self.told.lock().unwrap().push(format!("{} after: {answer}", self.name));
    }
}

async fn kitchen(first: fn() -> Result, second: fn() -> Result) -> (Harness, Memory, Told) {
    let (clock, told) = (ManualClock::new(), Told::default());
    let memory = Memory::with_clock(clock.clone());
    let options = JobOptions::default().retries(0, Duration::from_secs(1)).timeout(Duration::from_secs(60));
    let worker = Worker::new(memory.clone())
        .module(Module::new("kitchen", ()).job_with("bake", options, bake))
        .job_filter(Watch { name: "first", told: Arc::clone(&told), before: first })
        .job_filter(Watch { name: "second", told: Arc::clone(&told), before: second });
    (Harness::start(worker, clock).await, memory, told)
}

fn take(told: &Told) -> Vec<String> {
    std::mem::take(&mut told.lock().unwrap())
}

#[tokio::test]
async fn s004_20_filters_see_every_attempt_before_and_after_however_it_ends() {
    let (mut app, memory, told) = kitchen(|| Ok(()), || Ok(())).await;
    let around = |answer: &str| {
        ["first before kitchen.bake 1", "second before kitchen.bake 1"]
            .map(str::to_owned)
            .into_iter()
            .chain([format!("second after: {answer}"), format!("first after: {answer}")])
            .collect::<Vec<_>>()
    };
    let well = app.enqueue(Bake { ends: Ends::Well }).await;
    app.settle().await;
    assert_eq!(take(&told), around("well"));
    assert_eq!((app.run(well).await.status, memory.get("oven").await.is_some()), (RunStatus::Succeeded, true));

    app.enqueue(Bake { ends: Ends::InAPanic }).await;
    app.settle().await;
    assert_eq!(take(&told), around("W0002: handler `bake` panicked: burnt"));
    app.leaving_behind();
}

#[tokio::test]
async fn a_filter_hears_of_a_job_that_took_too_long() {
    let (clock, told) = (ManualClock::new(), Told::default());
    let watch = Watch { name: "one", told: Arc::clone(&told), before: || Ok(()) };
    let options = JobOptions::default().retries(0, Duration::from_secs(1)).timeout(Duration::from_secs(60));
    let module = Module::new("kitchen", ()).job_with("bake", options, bake);
    let ready = Worker::new(Memory::with_clock(clock.clone())).module(module).job_filter(watch).ready().await.unwrap();
    let (client, tenant) = (ready.client("test"), Tenant::default());
    let id = client.enqueue(&tenant, Bake { ends: Ends::TooLate }).await.unwrap();
    ready.run_until(until_it_has_ended(&client, &clock, id)).await;
    assert_eq!(take(&told)[1..], ["one after: W0003: handler `bake` took longer than 60s"]);
}

#[tokio::test]
async fn a_filter_that_says_no_keeps_the_handler_and_the_filters_behind_it_from_being_called() {
    let (mut app, memory, told) = kitchen(|| Ok(()), || Err(snooze(Duration::from_secs(60)))).await;
    let id = app.enqueue(Bake { ends: Ends::Well }).await;
    app.settle().await;
    let run = app.run(id).await;
    assert_eq!((run.status, run.attempts, memory.get("oven").await), (RunStatus::Queued, 0, None));
    assert_eq!(take(&told)[2..], ["first after: snoozed"]);
    app.leaving_behind();

    let (mut app, _, told) = kitchen(|| Err(Failure::dead_letter("the kitchen is closed")), || Ok(())).await;
    let id = app.enqueue(Bake { ends: Ends::Well }).await;
    app.settle().await;
    let run = app.run(id).await;
    assert_eq!((run.status, run.reason.as_deref()), (RunStatus::Failed, Some("the kitchen is closed")));
    assert_eq!(take(&told), ["first before kitchen.bake 1"]);
    app.leaving_behind();
}

/// Never comes to an end.
#[derive(Debug)]
struct Hangs;

#[async_trait]
impl JobFilter for Hangs {
    async fn before(&self, _: &Run) -> Result {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_filter_that_hangs_fails_the_attempt_after_ten_seconds() {
    let clock = ManualClock::new();
    let options = JobOptions::default().retries(0, Duration::from_secs(1));
    let module = Module::new("kitchen", ()).job_with("bake", options, bake);
    let ready = Worker::new(Memory::with_clock(clock.clone())).module(module).job_filter(Hangs).ready().await.unwrap();
    let (client, tenant) = (ready.client("test"), Tenant::default());
    let id = client.enqueue(&tenant, Bake { ends: Ends::Well }).await.unwrap();
    ready.run_until(until_it_has_ended(&client, &clock, id)).await;
    let run = client.run(&tenant, id).await.unwrap().unwrap();
    assert_eq!(
        (run.status, run.reason.as_deref()),
        (RunStatus::TimedOut, Some("W0003: a filter took longer than 10s"))
    );
}

/// Winds the clock until the run has ended.
async fn until_it_has_ended(client: &Client, clock: &ManualClock, id: uuid::Uuid) {
    while !client.run(&Tenant::default(), id).await.unwrap().unwrap().status.has_ended() {
        clock.wind(Duration::from_millis(100));
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_filter_that_panics_fails_the_attempt_and_nothing_else() {
    let (mut app, _, _) = kitchen(|| Ok(()), || panic!("a bad filter")).await;
    let id = app.enqueue(Bake { ends: Ends::Well }).await;
    app.settle().await;
    let run = app.run(id).await;
    assert_eq!((run.status, run.reason.as_deref()), (RunStatus::Failed, Some("W0002: a filter panicked")));
    app.leaving_behind();
}
