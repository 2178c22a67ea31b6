//! A guard at a module's door: what it refuses reaches no handler, and is set aside with its reason.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use wharf::{
    Envelope, Failure, Guard, Key, Kind, Memory, MemoryTx, Message, Module, Msg, Result, Tx, Worker, outside,
    testing::{Harness, ManualClock},
};

use crate::worker::Job;

/// Admits even numbers, and is not there to say so at first, `absent` times.
#[derive(Default)]
struct Even {
    absent: Mutex<u32>,
}

#[async_trait]
impl Guard for Even {
    async fn admit(&self, _: &Envelope, key: &Key) -> Result {
        // A guard may ask anybody: no transaction is open.
        outside(async {}).await?;
        if std::mem::take(&mut *self.absent.lock().unwrap()) > 0 {
            return Err(Failure::retry("the guard is not at the door"));
        }
        match key.as_str().chars().last() {
            Some('0' | '2' | '4' | '6' | '8') => Ok(()),
            _ => Err(Failure::refused(format!("{} is odd", key.as_str()))),
        }
    }
}

/// A job that says elsewhere that it is about another.
#[derive(Debug, Serialize, Deserialize)]
struct Forged {
    n: u32,
}

impl Message for Forged {
    const NAME: &'static str = Job::NAME;
    const KIND: Kind = Kind::Command;

    fn key(&self) -> Key {
        Key::new("job", 2)
    }
}

async fn work(Msg(job): Msg<Job>, mut tx: Tx) -> Result {
    tx.memory().await?.put(&format!("job {}", job.n), "done");
    Ok(())
}

async fn app(module: Module<()>) -> (Harness, Memory) {
    let clock = ManualClock::new();
    let memory = Memory::with_clock(clock.clone());
    (Harness::start(Worker::new(memory.clone()).module(module), clock).await, memory)
}

#[tokio::test]
async fn what_a_guard_refuses_is_set_aside_at_once_and_reaches_no_handler() {
    let module = Module::new("m", ()).consume("work", work).guard(Arc::new(Even::default()));
    let (mut app, memory) = app(module).await;
    for n in 1..=2 {
        app.send(Job { n }).await;
    }
    app.settle().await;
    insta::assert_snapshot!(app.transcript(), @"
    → test.job job:1
    → test.job job:2
    work ← test.job job:1 ✗ W0080 job:1 is odd, ✝ dead letter
    work ← test.job job:2
    ");
    assert_eq!((memory.get("job 1").await, memory.get("job 2").await), (None, Some("done".to_owned())));
    app.leaving_behind();
}

#[tokio::test]
async fn a_guard_goes_by_what_the_message_says_and_not_by_its_envelope() {
    let module = Module::new("m", ()).consume("work", work).guard(Arc::new(Even::default()));
    let (mut app, memory) = app(module).await;
    app.send(Forged { n: 7 }).await;
    app.settle().await;
    assert_eq!(app.dead_letters().await[0].reason, "job:7 is odd");
    assert_eq!(memory.get("job 7").await, None);
    app.leaving_behind();
}

#[tokio::test]
async fn an_endpoint_that_a_module_gets_later_has_its_guard_too() {
    let module = Module::new("m", ()).guard(Arc::new(Even::default())).consume("work", work);
    let (mut app, _) = app(module).await;
    app.send(Job { n: 1 }).await;
    app.settle().await;
    assert_eq!(app.dead_letters().await.len(), 1);
    app.leaving_behind();
}

#[tokio::test]
async fn a_guard_that_cannot_answer_is_asked_again() {
    let module = Module::new("m", ()).consume("work", work).guard(Arc::new(Even { absent: Mutex::new(1) }));
    let (mut app, memory) = app(module).await;
    app.send(Job { n: 2 }).await;
    app.settle().await;
    assert_eq!(memory.get("job 2").await, None);
    app.wind(Duration::from_secs(1)).await;
    assert_eq!(memory.get("job 2").await, Some("done".to_owned()));
    app.finish().await;
}
