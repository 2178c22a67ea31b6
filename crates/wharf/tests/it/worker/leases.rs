//! P6: a worker keeps what it works on, and lets go of what it lost.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use wharf::{
    Cancel, CancelReason, MemoryTx, Module, Msg, Result, State, Tx,
    ports::{Claim, Transport},
};

use super::{Gate, Job, Running, gate, turns, until};

const LEASE: Duration = Duration::from_secs(30);

async fn pass(Msg(job): Msg<Job>, State(gate): State<Gate>, mut tx: Tx) -> Result {
    gate.pass(job.n).await;
    tx.memory().await?.put("job", "done");
    Ok(())
}

#[tokio::test]
async fn w04_a_handler_slower_than_its_lease_keeps_its_delivery_and_runs_once() {
    let (gate, mut keeper) = gate();
    let running = Running::on_memory(|worker| {
        let module = Module::new("m", gate);
        worker.module(module.endpoint("work", |e| e.timeout(LEASE * 10).consume("work", pass)))
    })
    .await;
    running.send([1]).await;
    keeper.next().await;

    for _ in 0..12 {
        running.clock.wind(LEASE / 3);
        turns().await;
        let claimed = running.engine.claim(&Claim::new("work", 1, LEASE)).await.unwrap();
        assert!(claimed.deliveries.is_empty(), "the lease was renewed in time");
    }

    keeper.let_pass(1);
    until("nothing is left", async || running.left().await == 0).await;
    assert!(keeper.began.is_empty(), "it ran once");
    assert_eq!(running.stop().await.get("job").await.as_deref(), Some("done"));
}

#[tokio::test]
async fn w28_a_clock_that_jumps_an_hour_takes_no_work_from_its_own_worker() {
    const HOUR: Duration = Duration::from_secs(3600);
    let (gate, mut keeper) = gate();
    let running = Running::on_memory(|worker| {
        let module = Module::new("m", gate);
        worker.module(module.endpoint("work", |e| e.concurrency(2).timeout(HOUR * 10).consume("work", pass)))
    })
    .await;
    running.send([1]).await;
    keeper.next().await;

    // By that clock the lease ended long ago, and the next look is as overdue as the renewal.
    running.clock.wind(HOUR);
    turns().await;
    keeper.let_pass(1);
    until("nothing is left", async || running.left().await == 0).await;
    assert!(keeper.began.is_empty(), "it ran once");
    assert_eq!(running.stop().await.get("job").await.as_deref(), Some("done"));
}

type Told = Arc<Mutex<Vec<CancelReason>>>;

async fn wait_to_be_told(Msg(_): Msg<Job>, State((gate, told)): State<(Gate, Told)>, cancel: Cancel) -> Result {
    gate.began.send(0).unwrap();
    let reason = cancel.cancelled().await;
    told.lock().unwrap().push(reason);
    Ok(())
}

#[tokio::test]
async fn a_handler_that_lost_its_lease_is_told_and_changes_nothing() {
    let (gate, mut keeper) = gate();
    let told = Told::default();
    let running = Running::on_memory(|worker| {
        let module = Module::new("m", (gate, Arc::clone(&told)));
        worker.module(module.consume("work", wait_to_be_told))
    })
    .await;
    running.send([1]).await;
    keeper.next().await;

    // As when this process stood still for longer than the lease: another is faster.
    running.clock.wind(LEASE);
    let other = running.engine.claim(&Claim::new("work", 1, LEASE)).await.unwrap().deliveries;
    assert_eq!(other.len(), 1);
    until("the handler was told", async || !told.lock().unwrap().is_empty()).await;

    assert_eq!(*told.lock().unwrap(), [CancelReason::LeaseLost]);
    let memory = running.stop().await;
    let still_theirs = memory.renew(&[other[0].lease], LEASE).await.unwrap();
    assert_eq!(still_theirs, [], "the new holder is not disturbed");
}
