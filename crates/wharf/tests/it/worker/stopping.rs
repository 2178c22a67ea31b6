//! P9: a stop lets handlers finish, gives back what did not begin, and costs no attempt.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use wharf::{
    Bus, Cancel, CancelReason, Limits, Memory, MemoryTx, Module, Msg, Result, State, Tx,
    ports::{Claim, Transport},
    testing::ManualClock,
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

/// Waits without a transaction, so that many are under way at once; then counts in one.
async fn pass_then_count(Msg(job): Msg<Job>, State(gate): State<Gate>, mut tx: Tx) -> Result {
    gate.pass(job.n).await;
    let tx = tx.memory().await?;
    let key = format!("job {}", job.n);
    let count: u32 = tx.get(&key).map_or(0, |count| count.parse().unwrap());
    tx.put(&key, &(count + 1).to_string());
    Ok(())
}

const JOBS: u32 = 40;

async fn busy(memory: Memory, clock: ManualClock, gate: Gate) -> Running<Memory> {
    Running::start(memory, clock, |worker| {
        let module = Module::new("m", gate);
        worker.module(module.endpoint("work", |e| e.concurrency(4).prefetch(16).consume("work", pass_then_count)))
    })
    .await
}

/// Lets a new worker do what is left, and sees that every job was done once.
async fn done_once(memory: Memory, clock: ManualClock) {
    let (gate, keeper) = gate();
    keeper.let_pass(1_000);
    let running = busy(memory, clock, gate).await;
    until("nothing is left", async || {
        running.clock.wind(Duration::from_millis(500));
        turns().await;
        running.left().await == 0
    })
    .await;
    assert!(running.client.dead_letters(&Default::default()).await.unwrap().is_empty());
    let memory = running.stop().await;
    for n in 0..JOBS {
        assert_eq!(memory.get(&format!("job {n}")).await.as_deref(), Some("1"), "job {n}");
    }
}

fn claim_all() -> Claim<'static> {
    Claim::new("work", 100, Duration::from_secs(30))
}

async fn done(memory: &Memory) -> usize {
    let mut done = 0;
    for n in 0..JOBS {
        done += usize::from(memory.get(&format!("job {n}")).await.is_some());
    }
    done
}

#[tokio::test]
async fn draining_under_load_keeps_what_is_done_and_returns_the_rest_at_no_cost() {
    let clock = ManualClock::new();
    let memory = Memory::with_clock(clock.clone());
    let (gate, mut keeper) = gate();
    let running = busy(memory.clone(), clock.clone(), gate).await;
    running.send(0..JOBS).await;
    for _ in 0..10 {
        keeper.next().await;
        keeper.let_pass(1);
    }
    running.ask_to_stop();
    keeper.let_pass(1_000);
    running.stopped().await;

    let done = done(&memory).await;
    assert!((6..=14).contains(&done), "what was under way was finished, and nothing begun: {done}");
    let mut left = Vec::new();
    for row in memory.claim(&claim_all()).await.unwrap().deliveries {
        assert_eq!((row.envelope.attempt, row.envelope.crashes), (0, 0));
        left.push(row.lease);
    }
    assert_eq!(left.len() + done, JOBS as usize);
    clock.wind(Duration::from_secs(30));
    done_once(memory, clock).await;
}

#[tokio::test]
async fn w02_a_second_signal_while_draining_ends_at_once_and_doubles_nothing() {
    let clock = ManualClock::new();
    let memory = Memory::with_clock(clock.clone());
    let (gate, mut keeper) = gate();
    let running = busy(memory.clone(), clock.clone(), gate).await;
    running.send(0..JOBS).await;
    for _ in 0..6 {
        keeper.next().await;
        keeper.let_pass(1);
    }
    running.ask_to_stop();
    turns().await;
    assert!(!running.task.is_finished(), "handlers are at work");
    let committed = done(&memory).await;
    running.abort().await;
    keeper.let_pass(1_000);
    turns().await;

    assert_eq!(done(&memory).await, committed, "what was under way was not committed");
    done_once(memory, clock).await;
}

#[tokio::test]
async fn w03_a_second_restart_before_the_leases_end_loses_and_doubles_nothing() {
    let clock = ManualClock::new();
    let memory = Memory::with_clock(clock.clone());
    for restart in 0..2 {
        let (gate, mut keeper) = gate();
        let running = busy(memory.clone(), clock.clone(), gate).await;
        if restart == 0 {
            running.send(0..JOBS).await;
        }
        keeper.next().await;
        keeper.let_pass(1);
        turns().await;
        running.abort().await;
    }
    done_once(memory, clock).await;
}

type Blocker = Arc<Mutex<std::sync::mpsc::Receiver<()>>>;

/// Never comes to an await: nothing can take it off its thread.
async fn block(Msg(job): Msg<Job>, State((gate, blocker)): State<(Gate, Blocker)>) -> Result {
    gate.began.send(job.n).unwrap();
    let _ = blocker.lock().unwrap().recv();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn w33_a_handler_that_ignores_cancellation_does_not_hold_up_the_stop() {
    let (gate, mut keeper) = gate();
    let (unblock, blocker) = std::sync::mpsc::channel();
    let running = Running::on_memory(|worker| {
        let module = Module::new("m", (gate, Arc::new(Mutex::new(blocker))));
        worker.module(module.consume("work", block))
    })
    .await;
    running.send([1]).await;
    keeper.next().await;
    running.ask_to_stop();
    until("it stops nevertheless", async || {
        running.clock.wind(Duration::from_millis(500));
        turns().await;
        running.task.is_finished()
    })
    .await;
    let clock = running.clock.clone();
    let memory = running.stopped().await;
    unblock.send(()).unwrap();

    clock.wind(Duration::from_secs(30));
    let left = memory.claim(&claim_all()).await.unwrap().deliveries;
    assert_eq!(left.len(), 1, "what it held comes back when its lease has run out");
    assert!(left[0].is_survivor);
}
