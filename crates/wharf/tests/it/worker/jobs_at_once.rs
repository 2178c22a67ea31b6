//! How many jobs a worker runs at once, and what a configuration says of it.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wharf::{
    Code, Job, JobOptions, JobSettings, Memory, Module, Msg, Result, Run, RunFilter, RunStatus, State, Tenant, Worker,
    testing::ManualClock,
};

use super::{Gate, Keeper, Running, gate, turns, until};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Print {
    n: u32,
}

impl Job for Print {
    const NAME: &'static str = "shop.print";
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Mail {
    n: u32,
}

impl Job for Mail {
    const NAME: &'static str = "shop.mail";
}

async fn print(Msg(Print { n }): Msg<Print>, State(gate): State<Gate>) -> Result {
    gate.pass(n).await;
    Ok(())
}

async fn mail(Msg(Mail { n }): Msg<Mail>, State(gate): State<Gate>) -> Result {
    gate.pass(n).await;
    Ok(())
}

fn shop(gate: Gate) -> Module<Gate> {
    Module::new("shop", gate).job("print", print).job("mail", mail)
}

/// A worker for this shop, and so many of both jobs: prints from 0, mails from 100.
async fn open(prints: u32, mails: u32, build: impl FnOnce(Worker) -> Worker) -> (Running<Memory>, Keeper) {
    let (gate, keeper) = gate();
    let running = Running::on_memory(|worker| build(worker).module(shop(gate))).await;
    for n in 0..prints {
        running.client.enqueue(&Tenant::default(), Print { n }).await.unwrap();
    }
    for n in 0..mails {
        running.client.enqueue(&Tenant::default(), Mail { n: 100 + n }).await.unwrap();
    }
    (running, keeper)
}

#[tokio::test]
async fn no_more_jobs_run_at_once_than_the_worker_allows_and_none_keeps_another_out() {
    let (running, mut keeper) = open(20, 2, |worker| worker.max_parallel_jobs(3)).await;
    let mut begun = vec![keeper.next().await, keeper.next().await, keeper.next().await];
    turns().await;
    assert_eq!(keeper.began.try_recv().ok(), None);
    let held: u64 = running.client.depth().await.unwrap().iter().map(|depth| depth.held).sum();
    assert_eq!(held, 3, "what cannot be run waits where another worker can take it");

    // Who queues for a slot gets one in turn.
    for _ in 0..4 {
        keeper.let_pass(1);
        begun.push(keeper.next().await);
    }
    assert!(begun.iter().any(|n| *n >= 100) && begun.iter().any(|n| *n < 100), "{begun:?}");
    keeper.let_pass(22);
    until("all are done", async || running.left().await == 0).await;
    running.stop().await;
}

#[tokio::test]
async fn s004_06_ten_jobs_run_at_once_unless_one_of_them_may_run_more() {
    let (running, mut keeper) = open(8, 8, |worker| worker).await;
    for _ in 0..10 {
        keeper.next().await;
    }
    turns().await;
    assert_eq!(keeper.began.try_recv().ok(), None);
    keeper.let_pass(16);
    until("all are done", async || running.left().await == 0).await;
    running.stop().await;

    let more = JobOptions::default().max_parallel(12);
    let (gate, mut keeper) = gate();
    let running =
        Running::on_memory(|worker| worker.module(Module::new("shop", gate).job_with("print", more, print))).await;
    for n in 0..14 {
        running.client.enqueue(&Tenant::default(), Print { n }).await.unwrap();
    }
    for _ in 0..12 {
        keeper.next().await;
    }
    turns().await;
    assert_eq!(keeper.began.try_recv().ok(), None);
    keeper.let_pass(14);
    until("all are done", async || running.left().await == 0).await;
    running.stop().await;
}

#[tokio::test]
async fn s004_10_a_configuration_says_how_a_job_is_run() {
    async fn fail(Msg(_): Msg<Print>, run: Run) -> Result {
        Err(wharf::Failure::retry(format!("attempt {} of {}", run.attempt(), run.retries_max() + 1)))
    }
    let settings =
        r#"{ "shop.print": { "max_parallel": 2, "max_retries": 1, "base_retry_delay_s": 5, "timeout_s": 60 } }"#;
    let settings: BTreeMap<String, JobSettings> = serde_json::from_str(settings).unwrap();
    let clock = ManualClock::new();
    let worker = Worker::new(Memory::with_clock(clock.clone()))
        .module(Module::new("shop", ()).job("print", fail))
        .job_settings(settings);
    let mut app = wharf::testing::Harness::start(worker, clock).await;
    let id = app.enqueue(Print { n: 1 }).await;
    app.settle().await;
    let run = app.run(id).await;
    assert_eq!(
        (run.status, run.due_at.map(|due| due.since(app.now()))),
        (RunStatus::Retrying, Some(Duration::from_secs(5)))
    );
    app.wind(Duration::from_secs(5)).await;
    let run = app.run(id).await;
    assert_eq!((run.status, run.reason.as_deref()), (RunStatus::Failed, Some("attempt 2 of 2")));
    app.leaving_behind();
}

#[tokio::test]
async fn settings_of_a_job_that_is_not_there_are_refused() {
    let settings = [("shop.pritn".to_owned(), JobSettings::default())];
    let (gate, _keeper) = gate();
    let refused = Worker::new(Memory::new()).module(shop(gate)).job_settings(settings).ready().await.unwrap_err();
    assert_eq!(refused.0.iter().map(wharf::Error::code).collect::<Vec<_>>(), [Code::JOB_UNKNOWN]);
    assert!(refused.to_string().contains("`shop.pritn`"), "{refused}");
    let misspelt: serde_json::Result<JobSettings> = serde_json::from_str(r#"{ "timeout": 5 }"#);
    assert!(misspelt.unwrap_err().to_string().contains("unknown field `timeout`"));
}

#[tokio::test]
async fn s004_19_workers_of_one_process_have_their_own_names_jobs_and_limits() {
    let clock = ManualClock::new();
    let memory = Memory::with_clock(clock.clone());
    let (printing, mut prints) = gate();
    let (mailing, mut mails) = gate();
    let printer = Running::start(memory.clone(), clock.clone(), |worker| {
        let printer = Module::new("printing", printing).job("print", print);
        worker.named("printer").max_parallel_jobs(1).module(printer)
    });
    let printer = printer.await;
    let mailer = Running::start(memory, clock, |worker| {
        worker.named("mailer").module(Module::new("mailing", mailing).job("mail", mail))
    });
    let mailer = mailer.await;
    for n in 0..3 {
        printer.client.enqueue(&Tenant::default(), Print { n }).await.unwrap();
        printer.client.enqueue(&Tenant::default(), Mail { n }).await.unwrap();
    }
    until("both are heard of", async || printer.client.workers().await.unwrap().len() == 2).await;
    let workers = printer.client.workers().await.unwrap();
    let mut known: Vec<_> = workers.iter().map(|one| (one.name.as_str(), one.endpoints.join(" "))).collect();
    known.sort_unstable();
    assert_eq!(known, [("mailer", "job:shop.mail".to_owned()), ("printer", "job:shop.print".to_owned())]);

    let mut mailed = vec![mails.next().await, mails.next().await, mails.next().await];
    mailed.sort_unstable();
    assert_eq!((mailed, prints.next().await), (vec![0, 1, 2], 0));
    turns().await;
    assert_eq!(prints.began.try_recv().ok(), None, "the printer runs one at a time");
    prints.let_pass(3);
    mails.let_pass(3);
    let succeeded = RunFilter::default().status(RunStatus::Succeeded);
    until("all are done", async || printer.client.runs(&succeeded).await.unwrap().len() == 6).await;
    printer.stop().await;
    mailer.stop().await;
}
