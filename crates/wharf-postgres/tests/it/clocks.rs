//! Leases are decided by the database's clock, whatever the workers' own say.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, Semaphore, mpsc};
use wharf::{Clock, Module, Msg, Result, State, Tenant, Worker, ports::Store, testing::ManualClock};

use crate::{
    database::Database,
    workers::{Counted, Seen},
};

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

/// Tells that it began, and ends when it may.
async fn work(Msg(counted): Msg<Counted>, State((began, may_end)): State<(Seen, Arc<Semaphore>)>) -> Result {
    began.send(counted.number).unwrap();
    may_end.acquire().await.unwrap().forget();
    Ok(())
}

#[tokio::test]
async fn w28_a_worker_whose_clock_is_an_hour_off_takes_nothing_from_its_peer() {
    let database = Database::create().await;
    let start = ManualClock::new().now() + HOUR;
    let (began, mut beginnings) = mpsc::unbounded_channel();
    let (may_end, stop) = (Arc::new(Semaphore::new(0)), Arc::new(Notify::new()));
    let mut running = Vec::new();
    let mut run = async |now| {
        let clock = ManualClock::new();
        clock.wind_to(now);
        let engine = database.engine_at(clock.clone()).await;
        engine.wind_to(start).await.unwrap();
        let module = Module::new("test", (began.clone(), Arc::clone(&may_end))).consume("work", work);
        let worker = Worker::new(engine.clone()).module(module).ready().await.unwrap();
        let (client, asked) = (worker.client("test"), Arc::clone(&stop));
        running.push(tokio::spawn(async move {
            worker.run_until(asked.notified()).await;
            engine.close().await;
        }));
        (clock, client)
    };

    let (_, sound) = run(start).await;
    sound.publish(&Tenant::default(), Counted { number: 1 }).await.unwrap();
    assert_eq!(beginnings.recv().await, Some(1));
    for (clock, peer) in [run(start + HOUR).await, run(ManualClock::new().now()).await] {
        for _ in 0..5 {
            clock.wind(SECOND);
            let looked_at = || peer.vitals().all().get("work").and_then(|vital| vital.looked_at);
            while looked_at().is_none_or(|at| at < clock.now()) {
                tokio::task::yield_now().await;
            }
        }
    }
    assert!(beginnings.is_empty(), "by the database's clock the lease goes on");

    may_end.add_permits(1);
    while !sound.depth().await.unwrap().is_empty() {}
    for _ in &running {
        stop.notify_one();
    }
    for one in running {
        one.await.unwrap();
    }
    assert!(beginnings.is_empty(), "it ran once");
    database.remove().await;
}
