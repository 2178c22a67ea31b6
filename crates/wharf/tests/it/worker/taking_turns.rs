//! How many handlers run at once, when more is claimed for them, and that every slot is used.

use std::sync::Arc;

use tokio::sync::Semaphore;
use wharf::{
    Limits, Memory, Module, Msg, Result, State, Tenant,
    ports::Transport,
    testing::{Faulty, ManualClock},
};

use super::{Gate, Job, Running, gate, turns, until};

async fn pass(Msg(job): Msg<Job>, State(gate): State<Gate>) -> Result {
    gate.pass(job.n).await;
    Ok(())
}

#[tokio::test]
async fn no_more_handlers_run_at_once_than_were_asked_for() {
    let (gate, mut keeper) = gate();
    let running = Running::on_memory(|worker| {
        worker.module(Module::new("m", gate).endpoint("work", |e| e.concurrency(3).consume("work", pass)))
    })
    .await;
    running.send(0..7).await;

    assert_eq!([keeper.next().await, keeper.next().await, keeper.next().await], [0, 1, 2]);
    turns().await;
    assert!(keeper.began.is_empty(), "three at once, not four");
    keeper.let_pass(1);
    assert_eq!(keeper.next().await, 3);
    turns().await;
    assert!(keeper.began.is_empty());

    keeper.let_pass(6);
    until("nothing is left", async || running.left().await == 0).await;
    running.stop().await;
}

#[tokio::test]
async fn a_free_slot_is_filled_even_while_others_are_slow() {
    let (gate, mut keeper) = gate();
    let running = Running::on_memory(|worker| {
        let module = Module::new("m", gate);
        worker.module(module.endpoint("work", |e| e.concurrency(4).prefetch(4).consume("work", pass)))
    })
    .await;
    running.send(0..5).await;
    for n in 0..4 {
        assert_eq!(keeper.next().await, n);
    }

    keeper.let_pass(1);

    until("the fifth has begun", async || !keeper.began.is_empty()).await;
    keeper.let_pass(4);
    until("nothing is left", async || running.left().await == 0).await;
    running.stop().await;
}

/// A large prefetch is filled claim by claim. The next is made while at most half of it is held, so one of four stays free
/// where each brings one.
#[tokio::test]
async fn no_claim_takes_more_than_a_batch() {
    let (gate, mut keeper) = gate();
    let mut limits = Limits::default();
    limits.claim_batch_max_rows = 1;
    let running = Running::on_memory(|worker| {
        let module = Module::new("m", gate);
        worker.limits(limits).module(module.endpoint("work", |e| e.concurrency(1).prefetch(4).consume("work", pass)))
    })
    .await;
    let work = running.client.begin(&Tenant::default()).unwrap();
    (0..7).for_each(|n| work.bus.send(Job { n }));
    work.commit().await.unwrap();

    assert_eq!(keeper.next().await, 0);
    turns().await;

    let depth = running.engine.depth().await.unwrap();
    assert_eq!(depth.iter().map(|depth| (depth.held, depth.due)).collect::<Vec<_>>(), [(3, 4)]);
    keeper.let_pass(7);
    until("nothing is left", async || running.left().await == 0).await;
    running.stop().await;
}

/// While a claim's answer is on its way, the delivery ends that kept another of its key from being taken by that claim.
#[tokio::test]
async fn whose_turn_came_while_a_claim_was_answered_is_taken_by_the_next() {
    let (clock, answers) = (ManualClock::new(), Arc::new(Semaphore::new(0)));
    let engine = Faulty::new(Memory::with_clock(clock.clone()), 1).rate(0.0).answering_claims_by(Arc::clone(&answers));
    let (gate, mut keeper) = gate();
    let running = Running::start(engine, clock, |worker| {
        worker.module(Module::new("m", gate).endpoint("work", |e| e.ordered().consume("work", pass)))
    })
    .await;
    running.send([1, 1]).await;
    until("the first has begun", async || {
        answers.add_permits(1);
        keeper.began.try_recv() == Ok(1)
    })
    .await;
    turns().await;
    let unused = answers.available_permits();
    answers.forget_permits(unused);

    running.send([2]).await;
    turns().await;
    keeper.let_pass(1);
    until("the first is settled", async || running.left().await == 2).await;
    answers.add_permits(100);

    assert_eq!(keeper.next().await, 2);
    until("its successor begins", async || keeper.began.try_recv() == Ok(1)).await;
    keeper.let_pass(2);
    running.stop().await;
}

/// What is settled together is about to make room for a claim of many.
#[tokio::test]
async fn no_claim_of_one_is_made_while_room_for_many_is_about_to_be_free() {
    let (clock, settlements) = (ManualClock::new(), Arc::new(Semaphore::new(0)));
    let engine = Faulty::new(Memory::with_clock(clock.clone()), 1).rate(0.0).settling_by(Arc::clone(&settlements));
    let (gate, mut keeper) = gate();
    let running = Running::start(engine, clock, |worker| {
        let module = Module::new("m", gate);
        worker.module(module.endpoint("work", |e| e.concurrency(8).prefetch(8).consume("work", pass)))
    })
    .await;
    running.send(0..7).await;
    for n in 0..7 {
        assert_eq!(keeper.next().await, n);
    }

    keeper.let_pass(6);
    turns().await;
    running.send([7]).await;
    turns().await;
    assert!(keeper.began.is_empty(), "the eighth could be run, and by itself");

    settlements.add_permits(100);
    assert_eq!(keeper.next().await, 7);
    keeper.let_pass(2);
    running.stop().await;
}
