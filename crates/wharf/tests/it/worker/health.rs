//! P10: a worker that does not do its work says so, with its figures.

use std::time::Duration;

use wharf::{Health, Memory, Module, Msg, Result, Status, Worker, WorkerState, testing::Faulty};

use super::{Job, Running, turns, until};

async fn never_end(_: Msg<Job>) -> Result {
    std::future::pending().await
}

fn told(health: &Health) -> (Status, Vec<&str>) {
    (health.status(), health.reasons().collect())
}

#[tokio::test]
async fn w20_a_worker_that_is_connected_but_does_not_consume_is_not_healthy() {
    let hour = Duration::from_secs(3600);
    let running = Running::on_memory(|worker| {
        let module = Module::new("m", ());
        worker
            .module(module.endpoint("work", |e| e.concurrency(1).prefetch(2).timeout(hour).consume("work", never_end)))
    })
    .await;
    assert_eq!(told(&running.client.health().await), (Status::Up, vec![]));
    running.send(0..5).await;
    until("two are claimed", async || running.engine_depth().await == (3, 2)).await;

    for _ in 0..5 {
        running.clock.wind(Duration::from_secs(10));
        turns().await;
    }
    let health = running.client.health().await;
    assert_eq!(health.worker, WorkerState::Running);
    let reason = "`work`: 3 due, the oldest for 50 s, and nothing was settled for 50 s";
    assert_eq!(told(&health), (Status::Degraded, vec![reason]));
    running.abort().await;
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_told_by_its_code() {
    let engine = Faulty::new(Memory::new(), 0).rate(0.0);
    let client = Worker::new(engine.clone().rate(1.0)).ready().await.unwrap().client("test");
    let health = client.health().await;
    assert_eq!(told(&health), (Status::Down, vec!["the database does not answer (W0017)"]));
    assert_eq!((health.worker, health.dead_letters), (WorkerState::Idle, None));
    drop(engine);
}

#[tokio::test]
async fn a_worker_that_has_stopped_is_down() {
    let running = Running::on_memory(|worker| worker.module(Module::new("m", ()).consume("work", never_end))).await;
    let client = running.client.clone();
    running.stop().await;
    assert_eq!(told(&client.health().await), (Status::Down, vec!["the worker has stopped"]));
}

impl Running<Memory> {
    /// How many are due, and how many are held.
    async fn engine_depth(&self) -> (u64, u64) {
        let depths = self.client.depth().await.unwrap();
        depths.first().map_or((0, 0), |depth| (depth.due, depth.held))
    }
}
