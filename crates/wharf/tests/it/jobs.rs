//! Jobs: work whose every run has a history.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wharf::{
    Bus, CancelReason, Draft, Enqueued, Job, JobOptions, Key, Limits, LogLevel, Memory, MemoryTx, Message, Module, Msg,
    Overlap, Permanent, Priority, Result, Run, RunFilter, RunStatus, Schedule, State, Timetable, Tx, Worker, blocking,
    ports::Transport,
    snooze,
    testing::{Harness, ManualClock},
};

/// Fails so many times, then makes thumbnails.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Resize {
    pictures: usize,
    failures: u32,
}

impl Job for Resize {
    const NAME: &'static str = "pictures.resize";
}

#[derive(Serialize)]
struct Made {
    thumbnails: usize,
}

async fn resize(Msg(job): Msg<Resize>, run: Run) -> Result<Made> {
    for nth in 0..job.pictures {
        run.progress(nth + 1, job.pictures);
    }
    if run.attempt() <= job.failures {
        return Err(wharf::Failure::retry("the disk is full"));
    }
    run.log(LogLevel::Info, "resized", [("pictures", job.pictures.into())]);
    Ok(Made { thumbnails: job.pictures * 2 })
}

async fn studio(module: Module<()>) -> Harness {
    let clock = ManualClock::new();
    Harness::start(Worker::new(Memory::with_clock(clock.clone())).module(module), clock).await
}

fn pictures() -> Module<()> {
    Module::new("pictures", ()).job("resize-pictures", resize)
}

fn once() -> Resize {
    Resize { pictures: 2, failures: 0 }
}

#[tokio::test]
async fn a_run_keeps_its_result_its_progress_and_its_log() {
    let mut app = studio(pictures()).await;
    let id = app.enqueue(once()).await;
    assert_eq!(app.run(id).await.status, RunStatus::Queued);
    app.settle().await;

    let run = app.run(id).await;
    assert_eq!((run.status, run.attempts), (RunStatus::Succeeded, 1));
    assert_eq!(run.result.as_deref(), Some(r#"{"thumbnails":4}"#));
    assert_eq!(run.progress.map(|progress| (progress.done, progress.of)), Some((2, 2)));
    let log = app.client().run_log(&run.tenant, id, None).await.unwrap();
    assert_eq!(
        (log[0].text.as_str(), log[0].level, log[0].fields["pictures"].as_u64()),
        ("resized", LogLevel::Info, Some(2))
    );
    assert!(run.worker.is_some() && run.started_at.is_some());
    app.finish().await;
}

#[tokio::test]
async fn s004_12_a_run_that_fails_is_tried_again_after_10_20_and_40_s_and_then_given_up() {
    let mut app = studio(pictures()).await;
    let id = app.enqueue(Resize { pictures: 1, failures: 4 }).await;
    app.settle().await;
    for (failed, delay) in [10, 20, 40].into_iter().enumerate() {
        let run = app.run(id).await;
        assert_eq!((run.status, run.attempts as usize), (RunStatus::Retrying, failed + 1));
        assert_eq!(run.due_at.map(|due| due.since(app.now())), Some(Duration::from_secs(delay)));
        app.wind(Duration::from_secs(delay)).await;
    }
    let run = app.run(id).await;
    assert_eq!((run.status, run.attempts, run.code.as_deref()), (RunStatus::Failed, 4, Some("W0001")));
    assert_eq!(
        app.run_log(id).await,
        [
            "warn attempt 1 failed, again in 10s: the disk is full",
            "warn attempt 2 failed, again in 20s: the disk is full",
            "warn attempt 3 failed, again in 40s: the disk is full",
            "error attempt 4 failed for good: the disk is full",
        ]
    );

    // Once more, under its own id: it begins anew, with the first attempt.
    assert_eq!(app.client().rerun(&run.tenant, id).await.unwrap(), id);
    assert_eq!(app.run(id).await.status, RunStatus::Queued);
    assert_eq!(app.dead_letters().await.len(), 0);
    app.settle().await;
    app.leaving_behind();
}

#[tokio::test]
async fn s004_11_a_permanent_failure_is_given_up_at_once_and_a_snooze_costs_nothing() {
    async fn judge(Msg(job): Msg<Resize>, run: Run) -> Result {
        match job.failures {
            0 if run.attempt() == 1 && job.pictures == 0 => "x".parse::<u8>().map(drop).permanent(),
            _ => Err(snooze(Duration::from_secs(60))),
        }
    }
    let mut app = studio(Module::new("pictures", ()).job("judge", judge)).await;
    let (broken, early) = (app.enqueue(Resize { pictures: 0, failures: 0 }).await, app.enqueue(once()).await);
    app.settle().await;
    let run = app.run(broken).await;
    assert_eq!((run.status, run.attempts, run.code.as_deref()), (RunStatus::Failed, 1, Some("W0004")));
    let run = app.run(early).await;
    assert_eq!((run.status, run.attempts), (RunStatus::Queued, 0));
    assert_eq!(app.run_log(early).await, ["info put off for 60s: snoozed"]);
    app.leaving_behind();
}

#[tokio::test]
async fn what_has_ended_well_is_run_again_as_a_run_of_its_own() {
    let mut app = studio(pictures()).await;
    let id = app.enqueue(once()).await;
    let tenant = app.run(id).await.tenant;
    assert_eq!(app.client().rerun(&tenant, id).await.unwrap_err().code().to_string(), "W0102");
    app.settle().await;
    let again = app.client().rerun(&tenant, id).await.unwrap();
    assert_ne!(again, id);
    app.settle().await;
    let (first, second) = (app.run(id).await, app.run(again).await);
    assert_eq!((second.status, &second.args), (RunStatus::Succeeded, &first.args));
    assert_eq!(second.trail.causation, Some(id));
    let nobody = app.client().rerun(&tenant, uuid::Uuid::now_v7()).await.unwrap_err();
    assert_eq!(nobody.code().to_string(), "W0103");
    app.finish().await;
}

#[tokio::test]
async fn a_job_waits_in_its_queue_until_a_worker_knows_it_and_by_its_priority_and_time() {
    let clock = ManualClock::new();
    let memory = Memory::with_clock(clock.clone());
    let mut before = Harness::start(Worker::new(memory.clone()), clock.clone()).await;
    before.enqueue(Resize { pictures: 1, failures: 0 }).await;
    let tenant = wharf::Tenant::default();
    let urgent = Draft::of(&Resize { pictures: 2, failures: 0 }).priority(Priority::High);
    before.client().post(&tenant, &urgent).await.unwrap();
    let later = Draft::of(&Resize { pictures: 3, failures: 0 }).at(before.now() + Duration::from_secs(60));
    before.client().post(&tenant, &later).await.unwrap();
    before.wind(Duration::from_secs(30)).await;
    before.leaving_behind();

    let mut app = Harness::start(Worker::new(memory).module(pictures()), clock).await;
    let made = async |app: &Harness| {
        let ended = RunFilter::default().status(RunStatus::Succeeded);
        let mut made = Vec::new();
        for run in app.client().runs(&ended).await.unwrap() {
            let log = app.client().run_log(&run.tenant, run.id, None).await.unwrap();
            made.push((log[0].id, run.result.unwrap().to_string()));
        }
        made.sort();
        made.into_iter().map(|(_, result)| result).collect::<Vec<_>>()
    };
    app.settle().await;
    assert_eq!(
        made(&app).await,
        [r#"{"thumbnails":4}"#, r#"{"thumbnails":2}"#],
        "the urgent one first, the third not yet"
    );
    app.wind(Duration::from_secs(30)).await;
    assert_eq!(made(&app).await.len(), 3);
    app.finish().await;
}

#[tokio::test]
async fn w31_however_often_it_is_enqueued_a_unique_job_runs_once_at_a_time() {
    let mut app = studio(pictures()).await;
    let (client, tenant) = (app.client().clone(), wharf::Tenant::default());
    let enqueue =
        async || client.enqueue_unique(&tenant, "album:7", Resize { pictures: 1, failures: 1 }).await.unwrap();
    let Enqueued::New(first) = enqueue().await else { panic!("there was none before") };
    assert_eq!(enqueue().await, Enqueued::Already(first));
    app.settle().await;
    assert_eq!(app.run(first).await.status, RunStatus::Retrying);
    assert_eq!(enqueue().await, Enqueued::Already(first));
    app.wind(Duration::from_secs(10)).await;
    assert_eq!(app.run(first).await.status, RunStatus::Succeeded);
    assert!(matches!(enqueue().await, Enqueued::New(second) if second != first));

    let message = client.post(&tenant, &Draft::of(&Rang).unique("bell")).await.unwrap_err();
    assert_eq!(message.code().to_string(), "W0100");
    app.leaving_behind();
}

#[tokio::test]
async fn jobs_wait_in_the_store_whatever_carries_messages() {
    async fn book(Msg(_): Msg<Resize>, mut tx: Tx, bus: Bus) -> Result {
        tx.memory().await?.put("booked", "yes");
        bus.publish(Rang);
        Ok(())
    }
    async fn answer(Msg(_): Msg<Rang>) -> Result {
        Ok(())
    }
    let clock = ManualClock::new();
    let (store, carrier) = (Memory::with_clock(clock.clone()), Memory::with_clock(clock.clone()));
    let module = Module::new("books", ()).job("book", book).consume("answer", answer);
    let mut app = Harness::start(Worker::new(store).via(carrier.clone()).module(module), clock).await;
    let id = app.enqueue(once()).await;
    assert!(carrier.depth().await.unwrap().is_empty());
    app.settle().await;
    assert_eq!(app.run(id).await.status, RunStatus::Succeeded);
    assert!(app.transcript().ends_with("answer ← test.rang bell:1"), "what it sends is carried");
    app.finish().await;
}

#[tokio::test]
async fn what_a_job_writes_and_sends_and_its_end_are_one_commit() {
    async fn book(Msg(_): Msg<Resize>, mut tx: Tx, bus: Bus, run: Run) -> Result<u32> {
        tx.memory().await?.put("booked", "yes");
        bus.enqueue(Noted);
        run.info("booked");
        Ok(7)
    }
    async fn note(Msg(_): Msg<Noted>) -> Result {
        Ok(())
    }
    let mut app = studio(Module::new("books", ()).job("book", book).job("note", note)).await;
    let id = app.enqueue(once()).await;
    app.settle().await;
    assert_eq!(app.run(id).await.result.as_deref(), Some("7"));
    assert_eq!(app.run_log(id).await, ["info booked"]);
    let runs = app.client().runs(&RunFilter::default()).await.unwrap();
    let noted = runs.iter().find(|run| &*run.job == "books.noted").unwrap();
    assert_eq!((noted.status, &noted.result), (RunStatus::Succeeded, &None), "it returns nothing");
    assert_eq!(noted.trail.causation, Some(id));
    app.finish().await;
}

#[tokio::test]
async fn a_due_time_passes_while_the_job_of_an_earlier_one_goes_on() {
    let each = |seconds| Timetable::every(Duration::from_secs(seconds));
    // It fails once, and is tried again after 10 s.
    let slow = Resize { pictures: 1, failures: 1 };
    let schedule = Schedule::new(each(4), slow).named("slow").overlap(Overlap::Skip);
    let mut app = studio(pictures().schedule(schedule)).await;
    let runs = async |app: &Harness| {
        let runs = app.client().runs(&RunFilter::default()).await.unwrap();
        runs.iter().map(|run| (run.status, run.trail.firing.clone().unwrap().schedule.to_string())).collect::<Vec<_>>()
    };
    let slow = |status| (status, "slow".to_owned());
    app.wind(Duration::from_secs(12)).await;
    assert_eq!(runs(&app).await, [slow(RunStatus::Retrying)], "due three times");
    app.wind(Duration::from_secs(4)).await;
    assert_eq!(runs(&app).await, [slow(RunStatus::Retrying), slow(RunStatus::Succeeded)]);
    app.leaving_behind();
}

/// A message that is no job.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Rang;

impl Message for Rang {
    const NAME: &'static str = "test.rang";
    fn key(&self) -> Key {
        Key::new("bell", 1)
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Noted;

impl Job for Noted {
    const NAME: &'static str = "books.noted";
}

#[tokio::test]
async fn a_job_that_takes_too_long_times_out_and_one_that_blocks_is_told() {
    type Told = std::sync::mpsc::Sender<Option<CancelReason>>;
    fn spin(Msg(_): Msg<Resize>, State(told): State<Told>, run: Run, cancel: wharf::Cancel) -> Result {
        while !run.is_cancelled() {
            std::thread::yield_now();
        }
        let _ = told.send(cancel.reason());
        Ok(())
    }
    let clock = ManualClock::new();
    let (told, hears) = std::sync::mpsc::channel();
    let options = JobOptions::default().timeout(Duration::from_secs(5)).retries(1, Duration::from_secs(1));
    let module = Module::new("pictures", told).job_with("spin", options, blocking(spin));
    let ready = Worker::new(Memory::with_clock(clock.clone())).module(module).ready().await.unwrap();
    let client = ready.client("test");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = tokio::spawn(ready.run_until(async { drop(stopped.await) }));
    let tenant = wharf::Tenant::default();
    let id = client.enqueue(&tenant, once()).await.unwrap();
    let run = async || client.run(&tenant, id).await.unwrap().unwrap();
    while run().await.status != RunStatus::TimedOut {
        clock.wind(Duration::from_millis(100));
        tokio::task::yield_now().await;
    }
    // Each of its two attempts heard of its own end.
    let reasons = tokio::task::spawn_blocking(move || [hears.recv().unwrap(), hears.recv().unwrap()]).await.unwrap();
    assert_eq!(reasons, [Some(CancelReason::Timeout); 2]);
    assert_eq!((run().await.code.as_deref(), run().await.attempts), (Some("W0003"), 2));
    drop(stop);
    worker.await.unwrap();
}

#[tokio::test]
async fn a_result_that_is_too_large_to_keep_undoes_what_was_done_for_it() {
    async fn talk(Msg(_): Msg<Resize>, mut tx: Tx) -> Result<String> {
        tx.memory().await?.put("talked", "yes");
        Ok("x".repeat(256 * 1024))
    }
    let clock = ManualClock::new();
    let memory = Memory::with_clock(clock.clone());
    let module = Module::new("talk", ()).job("talk", talk);
    let mut app = Harness::start(Worker::new(memory.clone()).module(module), clock).await;
    let id = app.enqueue(once()).await;
    app.settle().await;
    let run = app.run(id).await;
    assert_eq!((run.status, run.result, memory.get("talked").await), (RunStatus::Failed, None, None));
    let reason = run.reason.unwrap();
    assert!(reason.contains("job `pictures.resize` returned 262146 bytes, at most 262144 are kept"), "{reason}");
    app.leaving_behind();
}

#[tokio::test]
async fn what_was_kept_long_enough_may_go_by_a_job_that_tells_how_much() {
    let clock = ManualClock::new();
    let day = Duration::from_secs(24 * 3600);
    let mut limits = Limits::default();
    limits.succeeded_run_retention = day;
    let worker = Worker::new(Memory::with_clock(clock.clone())).module(pictures()).limits(limits);
    let mut app = Harness::start(worker.retention(Timetable::every(day)), clock).await;
    let ids = [app.enqueue(once()).await, app.enqueue(once()).await];
    app.settle().await;
    app.wind(day * 3).await;
    let retention = RunFilter::default().job("wharf.retention");
    let found = app.client().runs(&retention).await.unwrap();
    let results: Vec<_> = found.iter().rev().filter_map(|run| run.result.as_deref()).collect();
    // Its own runs of more than a day ago go, too.
    assert_eq!(results.last(), Some(&r#"{"rows":1}"#), "{results:?}");
    assert_eq!(app.client().run(&found[0].tenant, ids[0]).await.unwrap(), None);
    assert_eq!(app.client().run(&found[0].tenant, ids[1]).await.unwrap(), None);
    app.leaving_behind();
}

/// Where `tracing` writes to.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Written {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn s004_04_what_a_run_logs_is_its_own_and_told_to_tracing_where_that_is_wanted() {
    let written = Written::default();
    let writer = written.clone();
    let told = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _told = tracing::subscriber::set_default(told);
    for (mirrors, lines) in [(JobOptions::default(), 0), (JobOptions::default().mirror_logs(), 1)] {
        let mut app = studio(Module::new("pictures", ()).job_with("resize", mirrors, resize)).await;
        let id = app.enqueue(once()).await;
        app.settle().await;
        assert_eq!(app.run_log(id).await, ["info resized"], "it is in the history either way");
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let mirrored: Vec<_> = text.lines().filter(|line| line.contains("resized")).collect();
        assert_eq!(mirrored.len(), lines, "{text}");
        assert!(mirrored.iter().all(|line| line.contains(&format!("run={id}")) && line.contains("INFO")), "{text}");
        app.finish().await;
    }
}

#[tokio::test]
async fn a_panic_in_a_blocking_job_is_its_own_failure() {
    fn burst(Msg(_): Msg<Resize>) -> Result {
        panic!("burst")
    }
    let options = JobOptions::default().retries(0, Duration::from_secs(1));
    let mut app = studio(Module::new("pictures", ()).job_with("burst", options, blocking(burst))).await;
    let id = app.enqueue(once()).await;
    app.settle().await;
    let run = app.run(id).await;
    assert_eq!(run.status, RunStatus::Failed);
    assert!(run.reason.as_deref().is_some_and(|reason| reason.contains("burst")), "{run:?}");
    app.leaving_behind();
}

#[tokio::test]
async fn what_is_misplaced_is_refused_when_the_worker_starts() {
    async fn no_job(Msg(_): Msg<Rang>, _: Run) -> Result {
        Ok(())
    }
    async fn job(Msg(_): Msg<Resize>) -> Result {
        Ok(())
    }
    let module = Module::new("m", ()).consume("no-job", no_job).consume("job", job);
    let module = module.endpoint("job:mine", |endpoint| endpoint);
    let refused = Worker::new(Memory::new()).module(module).ready().await.unwrap_err();
    let codes: Vec<_> = refused.0.iter().map(|problem| problem.code().to_string()).collect();
    assert_eq!(codes, ["W0100", "W0100", "W0041"]);
}
