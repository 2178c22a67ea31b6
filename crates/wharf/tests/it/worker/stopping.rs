//! P9: a stop lets handlers finish, gives back what did not begin, and costs no attempt.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use wharf::{
    Bus, Cancel, CancelReason, Limits, MemoryTx, Module, Msg, Result, State, Tx,
    ports::{Claim, Transport},
};

use super::{Gate, Job, Running, gate, turns, until};

async fn write_then_pass(Msg(job): Msg<Job>, State(gate): State<Gate>, mut tx: Tx) -> Result {
    gate.pass(job.n).await;
    tx.memory().await?.put(&format!("job {}", job.n), "done");
    Ok(())
}

#[tokio::test]
async fn what_is_under_way_finishes_and_what_waits_goes_back() {
    let (gate, mut keeper) = gate();
    let running = Running::on_memory(|worker| {
        let module = Module::new("m", gate);
        worker.module(module.endpoint("work", |e| e.concurrency(1).consume("work", write_then_pass)))
    })
    .await;
    running.send(0..5).await;
    assert_eq!(keeper.next().await, 0);

    running.ask_to_stop();
    turns().await;
    assert!(!running.task.is_finished(), "a handler is still at work");
    keeper.let_pass(1);
    let memory = running.stopped().await;

    assert_eq!(memory.get("job 0").await.as_deref(), Some("done"));
    let left = memory.claim(&Claim::new("work", 10, Duration::from_secs(30))).await.unwrap().deliveries;
    let told = left.iter().map(|one| (one.envelope.key.as_str(), one.envelope.attempt, one.envelope.crashes));
    assert_eq!(told.collect::<Vec<_>>(), [("job:1", 0, 0), ("job:2", 0, 0), ("job:3", 0, 0), ("job:4", 0, 0)]);
}

async fn never_end(Msg(job): Msg<Job>, State((gate, told)): State<(Gate, Told)>, bus: Bus, cancel: Cancel) -> Result {
    bus.send(Job { n: job.n + 100 });
    gate.began.send(job.n).unwrap();
    let reason = cancel.cancelled().await;
    told.lock().unwrap().push(reason);
    std::future::pending().await
}

type Told = Arc<Mutex<Vec<CancelReason>>>;

#[tokio::test]
async fn a_handler_that_outstays_the_deadline_is_dropped_and_its_delivery_returned() {
    let (gate, mut keeper) = gate();
    let told = Told::default();
    let limits = Limits::default();
    let deadline = limits.shutdown_deadline;
    let running = Running::on_memory(|worker| {
        let module = Module::new("m", (gate, Arc::clone(&told)));
        worker.limits(limits).module(module.consume("work", never_end))
    })
    .await;
    running.send([1]).await;
    keeper.next().await;

    running.ask_to_stop();
    turns().await;
    running.clock.wind(deadline - Duration::from_micros(1));
    turns().await;
    assert!(!running.task.is_finished());
    running.clock.wind(Duration::from_micros(1));
    let memory = running.stopped().await;

    assert_eq!(*told.lock().unwrap(), [CancelReason::Shutdown]);
    let left = memory.claim(&Claim::new("work", 10, Duration::from_secs(30))).await.unwrap().deliveries;
    assert_eq!(left.len(), 1, "what it sent was never committed");
    assert_eq!((left[0].envelope.attempt, left[0].envelope.crashes), (0, 0));
}

#[tokio::test]
async fn an_idle_worker_stops_at_once() {
    let running =
        Running::on_memory(|worker| worker.module(Module::new("m", gate().0).consume("work", write_then_pass))).await;
    until("it has looked", async || !running.client.vitals().all().is_empty()).await;
    running.stop().await;
}
