//! The worker on a clock that each test winds: nothing waits, and nothing is left behind.

use std::time::Duration;

use my_worker::{Greet, module};

use wharf::{
    Memory, RunStatus, Worker,
    testing::{Harness, ManualClock},
};

async fn app() -> Harness {
    let clock = ManualClock::new();
    let worker = Worker::new(Memory::with_clock(clock.clone())).module(module());
    Harness::start(worker, clock).await
}

fn greet(names: &[&str]) -> Greet {
    let names = names.iter().map(|name| name.to_string()).collect();
    Greet { names }
}

#[tokio::test]
async fn everybody_is_greeted_in_their_order() {
    let mut app = app().await;
    let run = app.enqueue(greet(&["Ada", "Grace"])).await;
    app.settle().await;

    let log = app.run_log(run).await;
    assert_eq!(log, ["info Hello, Ada!", "info Hello, Grace!"]);
    let run = app.run(run).await;
    assert_eq!(run.status, RunStatus::Succeeded);
    assert_eq!(run.result.as_deref(), Some("2"));
    app.finish().await;
}

#[tokio::test]
async fn who_has_no_name_fails_the_run_at_once() {
    let mut app = app().await;
    let run = app.enqueue(greet(&["Ada", ""])).await;
    app.settle().await;

    let run = app.run(run).await;
    assert_eq!((run.status, run.attempts), (RunStatus::Failed, 1));
    assert_eq!(run.reason.as_deref(), Some("nobody is called nothing"));
    app.leaving_behind();
}

#[tokio::test]
async fn the_world_is_greeted_every_minute() {
    let mut app = app().await;
    app.wind(Duration::from_secs(150)).await;

    let greeted = app.transcript().matches("greet ← people.greet").count();
    assert_eq!(greeted, 2);
    app.finish().await;
}
