//! The harness: time in jumps, a transcript, and nothing left behind.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wharf::{
    Bus, Key, Memory, Message, Module, Msg, Result, Tenant, Worker,
    testing::{Harness, ManualClock},
};

#[derive(Serialize, Deserialize)]
struct Rang;

impl Message for Rang {
    const NAME: &'static str = "test.rang";
    fn key(&self) -> Key {
        Key::new("bell", 1)
    }
}

#[derive(Serialize, Deserialize)]
struct Opened {
    by: String,
}

impl Message for Opened {
    const NAME: &'static str = "test.opened";
    fn key(&self) -> Key {
        Key::new("door", &self.by)
    }
}

async fn open(Msg(_): Msg<Rang>, bus: Bus) -> Result<Opened> {
    bus.publish_after(Duration::from_secs(90), Opened { by: "later".to_owned() });
    Ok(Opened { by: "now".to_owned() })
}

async fn greet(Msg(_): Msg<Opened>) -> Result {
    Ok(())
}

async fn house() -> Harness {
    let clock = ManualClock::new();
    let module = Module::new("house", ()).consume("door", open).consume("hall", greet).consume("garden", greet_too);
    Harness::start(Worker::new(Memory::with_clock(clock.clone())).module(module), clock).await
}

async fn greet_too(Msg(_): Msg<Opened>) -> Result {
    Ok(())
}

#[tokio::test]
async fn a_transcript_tells_who_got_what_and_when() {
    let mut app = house().await;
    app.publish(Rang).await;
    app.wind(Duration::from_secs(600)).await;

    insta::assert_snapshot!(app.transcript(), @"
    → test.rang bell:1
    door ← test.rang bell:1 ⇒ test.opened in 1m30s, test.opened
    hall ← test.opened door:now
    garden ← test.opened door:now
    -- 1m30s later
    hall ← test.opened door:later
    garden ← test.opened door:later
    ");
    assert_eq!(app.transcript(), "", "what was told is not told again");
    app.finish().await;
}

#[tokio::test]
#[should_panic(expected = "`door`: 1 due, 0 delayed, 0 held")]
async fn what_was_never_delivered_is_left_behind() {
    house().await.publish(Rang).await;
}

#[tokio::test]
#[should_panic(expected = "`hall`: 0 due, 1 delayed, 0 held")]
async fn what_is_delayed_is_left_behind() {
    let mut app = house().await;
    app.publish(Rang).await;
    app.settle().await;
}

#[tokio::test]
async fn leaving_it_behind_may_be_meant() {
    let mut app = house().await;
    app.publish(Rang).await;
    app.leaving_behind();
}

#[tokio::test]
async fn what_modules_send_every_so_often_comes_at_every_multiple() {
    let clock = ManualClock::new();
    clock.wind(Duration::from_secs(7));
    let module = Module::new("house", ()).consume("door", open_silently).every(Duration::from_secs(60), Rang);
    let mut app = Harness::start(Worker::new(Memory::with_clock(clock.clone())).module(module), clock).await;

    app.wind(Duration::from_secs(120)).await;

    insta::assert_snapshot!(app.transcript(), @"
    -- 53s later
    ↻ test.rang
    door ← test.rang bell:1
    -- 1m later
    ↻ test.rang
    door ← test.rang bell:1
    ");
}

#[tokio::test]
async fn a_schedule_is_left_alone_for_a_while_after_the_start() {
    let clock = ManualClock::new();
    clock.wind(Duration::from_secs(58));
    let (delay, period) = (Duration::from_secs(5), Duration::from_secs(60));
    let module = Module::new("house", ()).consume("door", open_silently).every_after(delay, period, Rang);
    let mut app = Harness::start(Worker::new(Memory::with_clock(clock.clone())).module(module), clock).await;

    app.wind(Duration::from_secs(65)).await;

    insta::assert_snapshot!(app.transcript(), @"
    -- 5s later
    ↻ test.rang
    door ← test.rang bell:1
    -- 57s later
    ↻ test.rang
    door ← test.rang bell:1
    ");
    app.finish().await;
}

async fn open_silently(Msg(_): Msg<Rang>) -> Result {
    Ok(())
}

#[tokio::test]
async fn what_follows_belongs_to_the_same_tenant_and_chain() {
    let clock = ManualClock::new();
    let memory = Memory::with_clock(clock.clone());
    let module = Module::new("house", ()).consume("door", open_once);
    let mut app = Harness::start(Worker::new(memory).module(module.consume("hall", check)), clock).await;
    app.switch_tenant(Tenant::new("acme"));
    app.publish(Rang).await;
    app.settle().await;
    assert_eq!(app.dead_letters().await, []);
}

async fn open_once(Msg(_): Msg<Rang>) -> Result<Opened> {
    Ok(Opened { by: "now".to_owned() })
}

async fn check(Msg(_): Msg<Opened>, envelope: wharf::Envelope, tx: wharf::Tx) -> Result {
    assert_eq!((envelope.tenant.as_str(), tx.tenant().as_str()), ("acme", "acme"));
    assert_eq!(&*envelope.trail.source, "door");
    assert!(envelope.trail.causation.is_some_and(|cause| cause != envelope.id));
    Ok(())
}
