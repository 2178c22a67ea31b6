//! The history of jobs: a run is in exactly one place, and only who holds it tells of it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use uuid::Uuid;

use super::{
    Stage, Subject,
    stage::{LEASE, MICROSECOND, forgettable},
};
use crate::{
    Code, DeadLetterFilter, Delivery, Kind, Outgoing, Tenant, Timestamp,
    ports::{
        Cancellation, History, Lease, LogLevel, LogLine, Outcome, Progress, Report, RunEnd, RunFilter, RunRecord,
        RunStatus, Settlement, Store, Transport,
    },
};

const QUEUE: &str = "job:case.work";

impl<S: Subject> Stage<S> {
    fn job(&self) -> Outgoing {
        let mut job = self.message(QUEUE, "case.work");
        job.envelope.kind = Kind::Job;
        job
    }

    /// Enqueues a job and has a worker take it.
    async fn taken(&self) -> Delivery {
        self.send_all(&[self.job()]).await;
        self.claim_one(QUEUE).await
    }

    fn history(&self) -> Arc<dyn History> {
        self.engine().history()
    }

    async fn active(&self) -> Vec<RunRecord> {
        self.history().active(&RunFilter::default()).await.unwrap()
    }

    async fn ended(&self) -> Vec<RunRecord> {
        self.history().ended(&RunFilter::default()).await.unwrap()
    }

    async fn log(&self, run: &Delivery) -> Vec<String> {
        let lines = self.history().lines(&run.envelope.tenant, run.envelope.id, None, 100).await.unwrap();
        lines.into_iter().map(|line| line.text).collect()
    }

    /// Settles a run with all it has to tell.
    /// Whether it was heard.
    async fn tell(&self, lease: Lease, report: Report) -> bool {
        self.history().report(&[(lease, report)]).await.unwrap() == [true]
    }

    async fn end_run(&self, lease: Lease, outcome: Outcome, report: Report) -> bool {
        self.engine().settle(&[Settlement::new(lease, outcome).reporting(report)]).await.unwrap() == [true]
    }
}

fn line(text: &str, at: Timestamp) -> LogLine {
    let fields = BTreeMap::from([("width".to_owned(), 640.into())]);
    LogLine { id: Uuid::now_v7(), at, attempt: 1, level: LogLevel::Warn, text: text.to_owned(), fields }
}

fn told(run: &Delivery, lines: Vec<LogLine>, end: Option<RunEnd>) -> Report {
    Report {
        tenant: run.envelope.tenant.clone(),
        run: run.envelope.id,
        worker: Uuid::from_u128(7),
        took: Some(Duration::from_secs(2)),
        progress: Some(Progress { done: 3, of: 4 }),
        lines,
        is_known: true,
        end,
    }
}

fn well() -> Option<RunEnd> {
    Some(RunEnd::succeeded(1, Some(Arc::from(r#"{"made":4}"#))))
}

fn failed(status: RunStatus) -> Option<RunEnd> {
    Some(RunEnd::unwell(status, 4, Code::HANDLER_FAILED, "the \"disk\" is full".to_owned()))
}

pub async fn a_run_goes_from_its_queue_into_the_history<S: Subject>(stage: &mut Stage<S>) {
    let enqueued_at = stage.now();
    stage.send_all(&[stage.job().after(Duration::from_secs(5))]).await;
    let [queued] = &stage.active().await[..] else { panic!("one run") };
    assert_eq!((queued.status, queued.due_at), (RunStatus::Queued, Some(enqueued_at + Duration::from_secs(5))));
    assert_eq!((&*queued.job, &*queued.args, queued.version), ("case.work", r#"{"n":1}"#, 1));

    stage.wind(Duration::from_secs(5)).await;
    let run = stage.claim_one(QUEUE).await;
    assert_eq!(stage.active().await[0].status, RunStatus::Running);
    stage.wind(Duration::from_secs(2)).await;
    assert!(stage.end_run(run.lease, Outcome::Done, told(&run, vec![line("one", enqueued_at)], well())).await);

    assert_eq!(stage.active().await, []);
    let [ended] = &stage.ended().await[..] else { panic!("one run") };
    let expected = RunRecord {
        status: RunStatus::Succeeded,
        attempts: 1,
        due_at: None,
        started_at: Some(stage.now() - Duration::from_secs(2)),
        ended_at: Some(stage.now()),
        worker: Some(Uuid::from_u128(7)),
        progress: Some(Progress { done: 3, of: 4 }),
        result: Some(Arc::from(r#"{"made":4}"#)),
        ..queued.clone()
    };
    assert_eq!(*ended, expected);
    assert_eq!(stage.dead_letters().await, []);
}

pub async fn what_a_run_logs_is_kept_in_its_order_and_once<S: Subject>(stage: &mut Stage<S>) {
    let run = stage.taken().await;
    let lines = [line("one", stage.now()), line("two", stage.now()), line("three", stage.now())];
    let [first, second, third] = lines.clone();
    assert!(stage.tell(run.lease, told(&run, vec![first.clone()], None)).await);
    // Its answer was lost.
    assert!(stage.tell(run.lease, told(&run, vec![first, second.clone()], None)).await);
    assert!(stage.end_run(run.lease, Outcome::Done, told(&run, vec![second, third], well())).await);

    let (tenant, id) = (&run.envelope.tenant, run.envelope.id);
    assert_eq!(stage.history().lines(tenant, id, None, 100).await.unwrap(), lines);
    assert_eq!(stage.history().lines(tenant, id, None, 1).await.unwrap(), lines[..1]);
    assert_eq!(stage.history().lines(tenant, id, Some(lines[0].id), 100).await.unwrap(), lines[1..]);
    assert_eq!(stage.history().lines(&Tenant::new("another"), id, None, 100).await.unwrap(), []);
}

pub async fn a_run_that_goes_on_tells_how_far_it_has_come<S: Subject>(stage: &mut Stage<S>) {
    let run = stage.taken().await;
    let untold = &stage.active().await[0];
    assert_eq!((untold.worker, untold.started_at, untold.progress), (None, None, None));

    stage.wind(Duration::from_secs(3)).await;
    assert!(stage.tell(run.lease, told(&run, Vec::new(), None)).await);
    let known = &stage.active().await[0];
    assert_eq!(known.status, RunStatus::Running);
    assert_eq!((known.worker, known.progress), (Some(Uuid::from_u128(7)), Some(Progress { done: 3, of: 4 })));
    assert_eq!(known.started_at, Some(stage.now() - Duration::from_secs(2)));

    let again = Outcome::Retry { delay: Duration::from_secs(10), attempt: 1 };
    assert!(stage.end_run(run.lease, again, told(&run, vec![line("failed", stage.now())], None)).await);
    let waits = &stage.active().await[0];
    assert_eq!((waits.status, waits.attempts), (RunStatus::Retrying, 1));
    assert_eq!(waits.due_at, Some(stage.now() + Duration::from_secs(10)));
    assert_eq!((waits.worker, waits.progress), (None, None), "nobody has it");
    assert_eq!(stage.log(&run).await, ["failed"]);

    stage.wind(Duration::from_secs(10)).await;
    stage.claim_one(QUEUE).await;
    assert_eq!(stage.active().await[0].progress, None, "its next holder has not told anything yet");
}

pub async fn of_many_that_tell_at_once_only_those_that_are_held_are_heard<S: Subject>(stage: &mut Stage<S>) {
    let (one, other) = (stage.taken().await, stage.taken().await);
    let stale = Lease { epoch: other.lease.epoch - 1, ..other.lease };
    let tells = |run: &Delivery, text| told(run, vec![line(text, run.envelope.sent_at)], None);
    let reports = [(one.lease, tells(&one, "one")), (stale, tells(&other, "other"))];
    assert_eq!(stage.history().report(&reports).await.unwrap(), [true, false]);
    assert_eq!(stage.log(&one).await, ["one"]);
    assert_eq!(stage.log(&other).await, Vec::<String>::new());
    assert_eq!(stage.history().report(&[]).await.unwrap(), Vec::<bool>::new());
}

pub async fn w05_who_lost_a_run_can_no_longer_tell_of_it<S: Subject>(stage: &mut Stage<S>) {
    let lost = stage.taken().await;
    stage.wind(LEASE + MICROSECOND).await;
    let held = stage.claim_one(QUEUE).await;

    let late = || told(&lost, vec![line("late", stage.now())], well());
    assert!(!stage.tell(lost.lease, Report { end: None, ..late() }).await);
    assert!(!stage.end_run(lost.lease, Outcome::Done, late()).await);
    let transaction = stage.open(&[]).await;
    let mut transaction = transaction;
    let _ = transaction.report(lost.lease, &late()).await;
    assert!(!transaction.settle(lost.lease, &[]).await.unwrap_or(false));
    assert_eq!((stage.ended().await, stage.log(&lost).await), (Vec::new(), Vec::new()));

    let batch = [
        Settlement::new(lost.lease, Outcome::Done).reporting(late()),
        Settlement::new(held.lease, Outcome::Done).reporting(told(&held, vec![line("held", stage.now())], well())),
    ];
    assert_eq!(stage.engine().settle(&batch).await.unwrap(), [false, true]);
    assert_eq!(stage.ended().await.len(), 1);
    assert_eq!(stage.log(&held).await, ["held"]);
}

pub async fn a_run_ends_in_the_commit_of_its_own_writes<S: Subject>(stage: &mut Stage<S>) {
    let run = stage.taken().await;
    let mut undone = stage.open(&[("made", "4")]).await;
    undone.report(run.lease, &told(&run, vec![line("one", stage.now())], well())).await.unwrap();
    undone.rollback().await.unwrap();
    assert_eq!((stage.ended().await, stage.log(&run).await), (Vec::new(), Vec::new()));
    assert_eq!(stage.active().await.len(), 1);

    let mut kept = stage.open(&[("made", "4")]).await;
    kept.report(run.lease, &told(&run, vec![line("one", stage.now())], well())).await.unwrap();
    assert!(kept.settle(run.lease, &[stage.message("next", "case.made")]).await.unwrap());
    assert_eq!(stage.ended().await[0].status, RunStatus::Succeeded);
    assert_eq!((stage.active().await, stage.log(&run).await), (Vec::new(), vec!["one".to_owned()]));
    assert_eq!(stage.read("made").await.as_deref(), Some("4"));
    assert_eq!(stage.claim_names("next").await, ["case.made"]);
}

pub async fn a_run_that_failed_may_be_redriven_and_is_then_in_its_queue_alone<S: Subject>(stage: &mut Stage<S>) {
    let run = stage.taken().await;
    let code = Code::HANDLER_FAILED;
    let dead = Outcome::DeadLetter { code, reason: "the \"disk\" is full".to_owned(), attempt: 4 };
    assert!(
        stage.end_run(run.lease, dead, told(&run, vec![line("one", stage.now())], failed(RunStatus::Failed))).await
    );
    let ended = &stage.ended().await[0];
    assert_eq!((ended.status, ended.attempts), (RunStatus::Failed, 4));
    assert_eq!(ended.code.as_deref(), Some("W0001"));
    assert_eq!(ended.reason.as_deref(), Some("the \"disk\" is full"));
    assert_eq!(stage.dead_letters().await.len(), 1);

    let meant = DeadLetterFilter { message: Some(run.envelope.id), ..DeadLetterFilter::default() };
    let another = DeadLetterFilter { message: Some(Uuid::now_v7()), ..DeadLetterFilter::default() };
    assert_eq!(stage.engine().redrive(&another).await.unwrap(), 0);
    assert_eq!(stage.engine().redrive(&meant).await.unwrap(), 1);
    assert_eq!(stage.ended().await, []);
    let queued = &stage.active().await[0];
    assert_eq!((queued.id, queued.status, queued.redrives), (run.envelope.id, RunStatus::Queued, 1));

    let again = stage.claim_one(QUEUE).await;
    assert!(stage.end_run(again.lease, Outcome::Done, told(&again, vec![line("two", stage.now())], well())).await);
    assert_eq!(stage.ended().await[0].status, RunStatus::Succeeded);
    assert_eq!(stage.log(&run).await, ["one", "two"], "its log tells of both rounds");
}

pub async fn a_job_cancelled_in_its_queue_leaves_no_dead_letter<S: Subject>(stage: &mut Stage<S>) {
    let job = stage.job();
    stage.send_all(std::slice::from_ref(&job)).await;
    let cancellation = Cancellation { tenant: job.envelope.tenant.clone(), message: job.envelope.id };
    assert_eq!(stage.engine().cancel(&cancellation).await.unwrap(), 1);
    let ended = &stage.ended().await[0];
    assert_eq!((ended.status, ended.attempts, ended.started_at), (RunStatus::Cancelled, 0, None));
    assert_eq!((ended.code.as_deref(), ended.ended_at), (Some("W0070"), Some(stage.now())));
    assert_eq!((stage.active().await, stage.dead_letters().await), (Vec::new(), Vec::new()));
}

pub async fn runs_are_found_by_each_field_and_page_by_page<S: Subject>(stage: &mut Stage<S>) {
    let mut other = stage.job();
    (other.envelope.name, other.endpoint) = (Arc::from("case.other"), Arc::from("job:case.other"));
    let mut foreign = stage.job();
    foreign.envelope.tenant = Tenant::new("another");
    let jobs = [stage.job(), other, foreign, stage.job()];
    stage.send_all(&jobs).await;
    // No job, and so no run.
    stage.send("plain", "case.message").await;
    let meant = async |filter: RunFilter| {
        let (active, ended) = (stage.history().active(&filter).await, stage.history().ended(&filter).await);
        active.unwrap().into_iter().chain(ended.unwrap()).map(|run| run.id).collect::<Vec<_>>()
    };
    let ids: Vec<_> = jobs.iter().map(|job| job.envelope.id).collect();
    assert_eq!(meant(RunFilter::default()).await, ids);
    for (settled, queue) in [QUEUE, "job:case.other", QUEUE].into_iter().enumerate() {
        stage.wind(Duration::from_secs(1)).await;
        let run = &stage.claim(queue, 1).await[0];
        let status = if settled == 2 { RunStatus::TimedOut } else { RunStatus::Succeeded };
        let end = if settled == 2 { failed(status) } else { well() };
        assert!(stage.end_run(run.lease, Outcome::Done, told(run, Vec::new(), end)).await);
    }

    assert_eq!(meant(RunFilter::default()).await, [ids[3], ids[2], ids[1], ids[0]], "the last that ended first");
    assert_eq!(meant(RunFilter::one(&Tenant::default(), ids[1])).await, [ids[1]]);
    assert!(meant(RunFilter::one(&Tenant::default(), ids[2])).await.is_empty(), "it is another's");
    assert_eq!(meant(RunFilter::default().job("case.work")).await, [ids[3], ids[2], ids[0]]);
    assert_eq!(meant(RunFilter::default().status(RunStatus::TimedOut)).await, [ids[2]]);
    assert_eq!(meant(RunFilter::default().status(RunStatus::Queued)).await, [ids[3]]);
    assert_eq!(meant(RunFilter::default().tenant(&Tenant::new("another"))).await, [ids[2]]);

    let mut pages = Vec::new();
    let mut filter = RunFilter::default().limit(1);
    while let [run] = &stage.history().ended(&filter).await.unwrap()[..] {
        pages.push(run.id);
        filter.ended_before = run.ended_at;
    }
    assert_eq!(pages, [ids[2], ids[1], ids[0]]);
}

pub async fn each_status_is_kept_for_its_own_time<S: Subject>(stage: &mut Stage<S>) {
    let mut runs = Vec::new();
    for status in [RunStatus::Succeeded, RunStatus::Cancelled, RunStatus::Failed] {
        let run = stage.taken().await;
        let end = if status == RunStatus::Succeeded { well() } else { failed(status) };
        assert!(stage.end_run(run.lease, Outcome::Done, told(&run, vec![line("one", stage.now())], end)).await);
        runs.push(run);
    }
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    let mut retention = forgettable(hours(1_000));
    (retention.succeeded_runs, retention.cancelled_runs, retention.failed_runs) = (hours(1), hours(2), hours(3));

    stage.wind(hours(1) - MICROSECOND).await;
    assert_eq!(stage.engine().prune(&retention, 100).await.unwrap(), 0);
    stage.wind(MICROSECOND).await;
    for left in (0..runs.len()).rev() {
        assert_eq!(stage.engine().prune(&retention, 100).await.unwrap(), 1);
        assert_eq!(stage.ended().await.len(), left);
        stage.wind(hours(1)).await;
    }
    for run in &runs {
        assert_eq!(stage.log(run).await, [""; 0], "what it logged is gone with it");
    }
}

pub async fn w19_no_more_runs_go_at_once_than_asked<S: Subject>(stage: &mut Stage<S>) {
    for _ in 0..3 {
        let run = stage.taken().await;
        assert!(stage.end_run(run.lease, Outcome::Done, told(&run, Vec::new(), well())).await);
    }
    stage.wind(Duration::from_secs(1)).await;
    let retention = forgettable(Duration::from_secs(1));
    assert_eq!(stage.engine().prune(&retention, 2).await.unwrap(), 2);
    assert_eq!(stage.engine().prune(&retention, 2).await.unwrap(), 1);
}

pub async fn w31_a_unique_job_keeps_others_of_its_key_out_until_it_ends<S: Subject>(stage: &mut Stage<S>) {
    let unique = || stage.job().unique("album:7");
    let waiting = async || stage.active().await.len();
    // Together, one by one, and in the commit of a unit of work.
    stage.send_all(&[unique(), unique(), stage.job()]).await;
    stage.send_all(&[unique()]).await;
    stage.open(&[]).await.commit(&[unique(), stage.message("next", "case.sent")]).await.unwrap();
    assert_eq!(waiting().await, 2, "one of its key, and one of none");
    assert_eq!(stage.claim_names("next").await, ["case.sent"], "what is kept out takes nothing with it");
    let key = RunFilter::default().tenant(&Tenant::default()).job("case.work").unique("album:7");
    let [first] = &stage.history().active(&key).await.unwrap()[..] else { panic!("one run") };
    assert_eq!(stage.history().active(&RunFilter::default().unique("album:8")).await.unwrap(), []);

    let mut foreign = unique();
    foreign.envelope.tenant = Tenant::new("another");
    let mut other = unique();
    (other.envelope.name, other.endpoint) = (Arc::from("case.other"), Arc::from("job:case.other"));
    stage.send_all(&[foreign, other, stage.job().unique("album:8")]).await;
    assert_eq!(waiting().await, 5, "keys are of one tenant and job");

    // Running, retrying, running: it is still the one.
    let ours = |claimed: Vec<Delivery>| claimed.into_iter().find(|run| run.envelope.id == first.id).expect("it is due");
    let run = ours(stage.claim(QUEUE, 100).await);
    stage.send_all(&[unique()]).await;
    let again = Outcome::Retry { delay: Duration::from_secs(10), attempt: 1 };
    assert!(stage.settle(run.lease, again).await);
    stage.send_all(&[unique()]).await;
    assert_eq!(waiting().await, 5);

    stage.wind(Duration::from_secs(10)).await;
    let run = ours(stage.claim(QUEUE, 100).await);
    // It ends and asks for the next of its key: first it goes, then the other comes.
    let end = Settlement::new(run.lease, Outcome::Done).reporting(told(&run, Vec::new(), well()));
    assert_eq!(stage.engine().settle(&[end.sending(vec![unique()])]).await.unwrap(), [true]);
    assert_eq!(stage.history().active(&key).await.unwrap().len(), 1);
    assert_eq!(waiting().await, 5);
}

pub async fn w31_of_many_who_enqueue_a_unique_job_at_once_one_does<S: Subject>(stage: &mut Stage<S>) {
    let jobs: Vec<_> = (0..20).map(|_| [stage.job().unique("album:7")]).collect();
    let engine = stage.engine();
    for sent in futures_util::future::join_all(jobs.iter().map(|job| engine.send(job))).await {
        sent.unwrap();
    }
    assert_eq!(stage.active().await.len(), 1);
}

pub async fn a_unique_job_that_failed_is_redriven_whatever_else_waits<S: Subject>(stage: &mut Stage<S>) {
    stage.send_all(&[stage.job().unique("album:7")]).await;
    let run = stage.claim_one(QUEUE).await;
    let dead = Outcome::DeadLetter { code: Code::HANDLER_FAILED, reason: "no".to_owned(), attempt: 1 };
    assert!(stage.end_run(run.lease, dead, told(&run, Vec::new(), failed(RunStatus::Failed))).await);
    stage.send_all(&[stage.job().unique("album:7")]).await;
    assert_eq!(stage.engine().redrive(&DeadLetterFilter::default()).await.unwrap(), 1);
    assert_eq!(stage.active().await.len(), 2);
}
