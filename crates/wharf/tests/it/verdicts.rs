//! What a handler answers, and what follows: retry, later, never, and the mistakes that have a code.

use std::{
    num::ParseIntError,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};
use wharf::{
    Answer, Attempt, Bus, Handler, Key, Kind, Limits, Memory, MemoryTx, Message, Module, Msg, Parameters, Permanent,
    Result, Retry, State, Tx, Worker, outside, snooze,
    testing::{Harness, ManualClock},
};

use crate::worker::Job;

/// A worker with the handlers of one module.
async fn app<S: Clone + Send + Sync + 'static>(module: Module<S>) -> (Harness, Memory) {
    let clock = ManualClock::new();
    let memory = Memory::with_clock(clock.clone());
    (Harness::start(Worker::new(memory.clone()).module(module), clock).await, memory)
}

/// What follows when a job is sent to this handler, and everything that is due happens.
async fn story_of(module: Module<()>) -> String {
    let (mut app, memory) = app(module).await;
    app.send(Job { n: 1 }).await;
    app.wind(Duration::from_secs(3600)).await;
    assert_eq!(memory.get("written").await, None, "what a failed handler wrote is undone");
    let story = app.transcript();
    app.leaving_behind();
    story
}

fn module<P: Parameters<()>>(handler: impl Handler<P, Returned: Answer>) -> Module<()> {
    Module::new("m", ()).consume("work", handler)
}

#[tokio::test]
async fn an_error_is_retried_then_dead() {
    async fn fail(Msg(_): Msg<Job>, mut tx: Tx, bus: Bus) -> Result {
        tx.memory().await?.put("written", "yes");
        bus.send(Job { n: 2 });
        "seven".parse::<u32>()?;
        Ok(())
    }
    insta::assert_snapshot!(story_of(module(fail)).await, @"
    → test.job job:1
    work ← test.job job:1 ✗ W0001 invalid digit found in string, again in 1s
    -- 1s later
    work ← test.job job:1 (attempt 2) ✗ W0001 invalid digit found in string, again in 3s
    -- 3s later
    work ← test.job job:1 (attempt 3) ✗ W0001 invalid digit found in string, again in 7s
    -- 7s later
    work ← test.job job:1 (attempt 4) ✗ W0001 invalid digit found in string, ✝ dead letter
    ");
}

#[tokio::test]
async fn a_panic_is_retried_then_dead() {
    async fn fail(Msg(_): Msg<Job>, mut tx: Tx) -> Result {
        tx.memory().await?.put("written", "yes");
        panic!("the shelf is empty");
    }
    insta::assert_snapshot!(story_of(module(fail)).await, @"
    → test.job job:1
    work ← test.job job:1 ✗ W0002 handler `work` panicked: the shelf is empty, again in 1s
    -- 1s later
    work ← test.job job:1 (attempt 2) ✗ W0002 handler `work` panicked: the shelf is empty, again in 3s
    -- 3s later
    work ← test.job job:1 (attempt 3) ✗ W0002 handler `work` panicked: the shelf is empty, again in 7s
    -- 7s later
    work ← test.job job:1 (attempt 4) ✗ W0002 handler `work` panicked: the shelf is empty, ✝ dead letter
    ");
}

#[tokio::test]
async fn a_panic_before_the_first_await_is_caught_too() {
    fn fail(Msg(_): Msg<Job>) -> std::future::Ready<Result> {
        panic!("not even begun")
    }
    let once = Module::new("m", ()).endpoint("work", |e| e.retry(Retry::fixed("once", [])).consume("work", fail));
    insta::assert_snapshot!(story_of(once).await, @"
    → test.job job:1
    work ← test.job job:1 ✗ W0002 handler `work` panicked: not even begun, ✝ dead letter
    ");
}

#[tokio::test]
async fn a_permanent_error_is_dead_at_once() {
    async fn fail(Msg(_): Msg<Job>) -> Result {
        "seven".parse::<u32>().permanent()?;
        Ok(())
    }
    insta::assert_snapshot!(story_of(module(fail)).await, @"
    → test.job job:1
    work ← test.job job:1 ✗ W0004 invalid digit found in string, ✝ dead letter
    ");
}

#[tokio::test]
async fn an_endpoint_may_say_which_errors_are_permanent() {
    async fn fail(Msg(_): Msg<Job>) -> Result {
        "seven".parse::<u32>()?;
        Ok(())
    }
    let strict = Module::new("m", ()).endpoint("work", |e| e.permanent_on::<ParseIntError>().consume("work", fail));
    insta::assert_snapshot!(story_of(strict).await, @"
    → test.job job:1
    work ← test.job job:1 ✗ W0004 invalid digit found in string, ✝ dead letter
    ");
}

#[tokio::test]
async fn a_snooze_comes_back_and_costs_no_attempt() {
    async fn later(Msg(_): Msg<Job>, State(seen): State<Arc<AtomicU32>>, attempt: Attempt) -> Result {
        assert_eq!((attempt.number, attempt.crashes), (1, 0));
        match seen.fetch_add(1, Ordering::Relaxed) {
            0..10 => Err(snooze(Duration::from_secs(30))),
            _ => Ok(()),
        }
    }
    let seen = Arc::new(AtomicU32::new(0));
    let (mut app, _) = app(Module::new("m", Arc::clone(&seen)).consume("work", later)).await;
    app.send(Job { n: 1 }).await;

    app.wind(Duration::from_secs(299)).await;
    assert_eq!(seen.load(Ordering::Relaxed), 10);
    app.wind(Duration::from_secs(1)).await;

    assert_eq!(seen.load(Ordering::Relaxed), 11);
    app.finish().await;
}

#[tokio::test]
async fn immediate_retries_run_in_place_and_count() {
    async fn third_time(Msg(_): Msg<Job>, attempt: Attempt, mut tx: Tx) -> Result {
        let tx = tx.memory().await?;
        assert_eq!(tx.get("attempt"), None, "the attempt before was undone");
        tx.put("attempt", &attempt.number.to_string());
        if attempt.number < 3 { Err(wharf::Failure::retry("not yet")) } else { Ok(()) }
    }
    let eager = Retry::immediate("eager", 2);
    let (mut app, memory) =
        app(Module::new("m", ()).endpoint("work", |e| e.retry(eager).consume("work", third_time))).await;
    app.send(Job { n: 1 }).await;
    app.settle().await;

    assert_eq!(memory.get("attempt").await.as_deref(), Some("3"));
    app.finish().await;
}

/// Another program's idea of a [`Job`].
#[derive(Serialize, Deserialize)]
struct ForeignJob {
    n: String,
}

impl Message for ForeignJob {
    const NAME: &'static str = Job::NAME;
    const KIND: Kind = Kind::Command;
    fn key(&self) -> Key {
        Key::new("job", &self.n)
    }
}

/// A worker that gets a message from another program, whose worker has this handler at the same endpoint.
async fn foreign_app<P: Parameters<()>>(
    theirs: impl Handler<P, Returned: Answer>,
    ours: Module<()>,
) -> (Harness, wharf::Client) {
    let clock = ManualClock::new();
    let memory = Memory::with_clock(clock.clone());
    let them =
        Worker::new(memory.clone()).module(Module::new("them", ()).consume("work", theirs)).ready().await.unwrap();
    (Harness::start(Worker::new(memory).module(ours), clock).await, them.client("them"))
}

async fn work(Msg(_): Msg<Job>) -> Result {
    Ok(())
}

#[tokio::test]
async fn w26_a_body_that_does_not_parse_is_dead_at_once_and_others_flow() {
    async fn theirs(Msg(_): Msg<ForeignJob>) -> Result {
        Ok(())
    }
    let (mut app, them) = foreign_app(theirs, module(work)).await;
    them.send(&Default::default(), ForeignJob { n: "one".to_owned() }).await.unwrap();
    app.send(Job { n: 2 }).await;
    app.settle().await;

    insta::assert_snapshot!(app.transcript(), @r#"
    → test.job job:2
    work ← test.job job:one ✗ W0005 the body is no `test.job`: invalid type: string "one", expected u32 at line 1 column 10, ✝ dead letter
    work ← test.job job:2
    "#);
    app.leaving_behind();
}

#[derive(Serialize, Deserialize)]
struct NewJob {}

impl Message for NewJob {
    const NAME: &'static str = Job::NAME;
    const VERSION: u16 = 2;
    const KIND: Kind = Kind::Command;
    fn key(&self) -> Key {
        Key::new("job", "new")
    }
}

#[tokio::test]
async fn an_unknown_version_waits_five_minutes_for_a_deploy() {
    async fn theirs(Msg(_): Msg<NewJob>) -> Result {
        Ok(())
    }
    let (mut app, them) = foreign_app(theirs, module(work)).await;
    them.send(&Default::default(), NewJob {}).await.unwrap();

    app.wind(Duration::from_secs(299)).await;
    assert_eq!(app.dead_letters().await, []);
    app.wind(Duration::from_secs(1)).await;

    let letters = app.dead_letters().await;
    assert_eq!(letters[0].code, "W0006");
    assert_eq!(letters[0].reason, "no handler here accepts `test.job` version 2");
    app.leaving_behind();
}

#[tokio::test]
async fn a_tx_that_escapes_is_never_acknowledged() {
    async fn leak(Msg(_): Msg<Job>, tx: Tx) -> Result {
        std::mem::forget(tx);
        Ok(())
    }
    insta::assert_snapshot!(story_of(module(leak)).await, @"
    → test.job job:1
    work ← test.job job:1 ✗ W0008 the handler ended but its Tx is still held elsewhere, again in 1s
    -- 1s later
    work ← test.job job:1 (attempt 2) ✗ W0008 the handler ended but its Tx is still held elsewhere, again in 3s
    -- 3s later
    work ← test.job job:1 (attempt 3) ✗ W0008 the handler ended but its Tx is still held elsewhere, again in 7s
    -- 7s later
    work ← test.job job:1 (attempt 4) ✗ W0008 the handler ended but its Tx is still held elsewhere, ✝ dead letter
    ");
}

#[tokio::test]
async fn a_call_outside_while_the_transaction_is_open_is_not_made() {
    async fn call(Msg(_): Msg<Job>, mut tx: Tx) -> Result {
        outside(async {}).await?;
        tx.memory().await?.put("written", "yes");
        outside(async { panic!("the call was made") }).await?;
        Ok(())
    }
    insta::assert_snapshot!(story_of(module(call)).await, @"
    → test.job job:1
    work ← test.job job:1 ✗ W0009 the transaction of this delivery is already open, ✝ dead letter
    ");
}

#[tokio::test]
async fn a_second_tx_is_refused() {
    async fn twice(Msg(_): Msg<Job>, _one: Tx, _two: Tx) -> Result {
        Ok(())
    }
    insta::assert_snapshot!(story_of(module(twice)).await, @"
    → test.job job:1
    work ← test.job job:1 ✗ W0010 this handler already holds its Tx, ✝ dead letter
    ");
}

#[derive(Serialize, Deserialize)]
struct Letter {
    text: String,
}

impl Message for Letter {
    const NAME: &'static str = "test.letter";
    fn key(&self) -> Key {
        Key::new("letter", 1)
    }
}

async fn write_too_much(Msg(job): Msg<Job>, mut tx: Tx, bus: Bus) -> Result<Letter> {
    tx.memory().await?.put("written", "yes");
    bus.publish(Letter { text: "short".to_owned() });
    Ok(Letter { text: "x".repeat(100 + job.n as usize) })
}

#[tokio::test]
async fn a_body_too_large_is_dead_and_nothing_of_it_happened() {
    async fn read(Msg(_): Msg<Letter>) -> Result {
        Ok(())
    }
    let clock = ManualClock::new();
    let memory = Memory::with_clock(clock.clone());
    let mut limits = Limits::default();
    limits.body_size_max_bytes = 100;
    let worker = Worker::new(memory.clone()).limits(limits).module(module(write_too_much).consume("read", read));
    let mut app = Harness::start(worker, clock).await;
    app.send(Job { n: 1 }).await;
    app.settle().await;

    insta::assert_snapshot!(app.transcript(), @"
    → test.job job:1
    work ← test.job job:1 ✗ W0011 message `test.letter` has a body of 112 bytes, at most 100 are allowed, ✝ dead letter
    ");
    assert_eq!(memory.get("written").await, None);
    app.leaving_behind();
}

#[tokio::test]
async fn a_command_nobody_consumes_is_dead_and_nothing_of_it_happened() {
    async fn send(Msg(_): Msg<Letter>, mut tx: Tx, bus: Bus) -> Result {
        tx.memory().await?.put("written", "yes");
        bus.send(Job { n: 1 });
        Ok(())
    }
    let (mut app, memory) = app(Module::new("m", ()).consume("send", send)).await;
    app.publish(Letter { text: String::new() }).await;
    app.settle().await;

    insta::assert_snapshot!(app.transcript(), @"
    → test.letter letter:1
    send ← test.letter letter:1 ✗ W0013 no endpoint consumes the command `test.job`, ✝ dead letter
    ");
    assert_eq!(memory.get("written").await, None);
    let refused = app.client().send(&Default::default(), Job { n: 1 }).await.unwrap_err();
    assert_eq!(refused.code().to_string(), "W0013");
    app.leaving_behind();
}

#[tokio::test]
async fn a_handler_that_finds_the_engine_away_loses_no_attempt_for_five_minutes() {
    async fn find_it_away(Msg(_): Msg<Job>) -> Result {
        Err(wharf::Error::new(wharf::Code::ENGINE_UNREACHABLE, "it does not answer").into())
    }
    let (mut app, _) = app(module(find_it_away)).await;
    app.send(Job { n: 1 }).await;
    app.wind(Duration::from_secs(299)).await;
    let story = app.transcript();
    assert_eq!((story.matches("again in 1s").count(), story.matches("attempt").count()), (300, 0));
    assert_eq!(app.dead_letters().await.len(), 0);
    // One that ends the engine each time may not go on for ever: from now on the policy decides, which tries three times more.
    app.wind(Duration::from_secs(1 + 1 + 3 + 7)).await;
    let letters = app.dead_letters().await;
    assert_eq!((letters[0].code.as_str(), letters[0].envelope.attempt), ("W0017", 4));
    app.leaving_behind();
}
