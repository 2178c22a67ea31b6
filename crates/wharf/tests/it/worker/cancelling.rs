//! A person cancels a message: its handler hears of it and ends, wherever it runs, and it is not tried again.

use std::time::Duration;

use tokio::sync::mpsc;
use wharf::{Cancel, CancelReason, DeadLetterFilter, Memory, Module, Msg, Result, State, Tenant, Worker, snooze};

use super::{Gate, Job, Running, gate, until};

/// What a cancelled job left behind: the code and the reason of its dead letter, and its attempts.
async fn letter(running: &Running<Memory>) -> (String, String, u32) {
    let letters = async || running.client.dead_letters(&DeadLetterFilter::default()).await.unwrap();
    until("it is given up", async || !letters().await.is_empty()).await;
    let letter = letters().await.remove(0);
    (letter.code, letter.reason, letter.envelope.attempt)
}

fn working<S: Clone + Send + Sync + 'static>(module: Module<S>) -> impl FnOnce(Worker) -> Worker {
    |worker| worker.module(module)
}

#[tokio::test]
async fn a_handler_that_does_not_listen_is_dropped_at_its_next_await() {
    async fn never_end(Msg(job): Msg<Job>, State(gate): State<Gate>) -> Result {
        gate.pass(job.n).await;
        Ok(())
    }
    let (gate, mut keeper) = gate();
    let running = Running::on_memory(working(Module::new("m", gate).consume("work", never_end))).await;
    let tenant = Tenant::default();
    let meant = running.client.send(&tenant, Job { n: 1 }).await.unwrap();
    running.send([2]).await;
    let mut began = [keeper.next().await, keeper.next().await];
    began.sort_unstable();
    assert_eq!(began, [1, 2]);

    assert_eq!(running.client.cancel(&Tenant::new("another"), meant).await.unwrap(), 0);
    assert_eq!(running.client.cancel(&tenant, meant).await.unwrap(), 0, "none of it waits");
    let (code, reason, attempts) = letter(&running).await;
    assert_eq!((code.as_str(), attempts), ("W0070", 0));
    assert_eq!(reason, "W0070: a person cancelled the message while it was handled: cancelled: User");

    keeper.let_pass(1);
    until("the other is handled", async || running.left().await == 0).await;
    assert_eq!(running.client.dead_letters(&DeadLetterFilter::default()).await.unwrap().len(), 1);
    running.stop().await;
}

/// Tells why it was cancelled, and ends as its job asks.
async fn listen(Msg(job): Msg<Job>, State(told): State<mpsc::UnboundedSender<CancelReason>>, cancel: Cancel) -> Result {
    let reason = cancel.cancelled().await;
    told.send(reason).unwrap();
    match job.n {
        0 => Ok(()),
        1 => Err(snooze(Duration::from_secs(1))),
        _ => Err(wharf::Failure::retry("half-way")),
    }
}

async fn cancelled_while_it_listens(n: u32) -> Running<Memory> {
    let (told, mut telling) = mpsc::unbounded_channel();
    let running = Running::on_memory(working(Module::new("m", told).consume("work", listen))).await;
    let tenant = Tenant::default();
    let meant = running.client.send(&tenant, Job { n }).await.unwrap();
    until("it is held", async || running.client.depth().await.unwrap().iter().any(|depth| depth.held == 1)).await;
    running.client.cancel(&tenant, meant).await.unwrap();
    assert_eq!(telling.recv().await, Some(CancelReason::User));
    running
}

#[tokio::test]
async fn a_handler_that_gives_up_is_not_tried_again() {
    for n in [1, 2] {
        let running = cancelled_while_it_listens(n).await;
        assert_eq!(letter(&running).await.0, "W0070");
        assert_eq!(running.left().await, 0);
        running.stop().await;
    }
}

#[tokio::test]
async fn a_handler_that_ends_well_all_the_same_has_handled_it() {
    let running = cancelled_while_it_listens(0).await;
    until("it is handled", async || running.left().await == 0).await;
    assert_eq!(running.client.dead_letters(&DeadLetterFilter::default()).await.unwrap(), []);
    running.stop().await;
}

#[tokio::test]
async fn what_is_held_and_has_not_begun_is_cancelled_unrun() {
    async fn one_by_one(Msg(job): Msg<Job>, State(gate): State<Gate>) -> Result {
        gate.pass(job.n).await;
        Ok(())
    }
    let (gate, mut keeper) = gate();
    let module = Module::new("m", gate).endpoint("work", |e| e.concurrency(1).prefetch(2).consume("work", one_by_one));
    let running = Running::on_memory(working(module)).await;
    running.send([1]).await;
    assert_eq!(keeper.next().await, 1);
    let meant = running.client.send(&Tenant::default(), Job { n: 2 }).await.unwrap();
    until("both are held", async || running.client.depth().await.unwrap()[0].held == 2).await;

    running.client.cancel(&Tenant::default(), meant).await.unwrap();
    keeper.let_pass(1);
    assert_eq!(letter(&running).await.0, "W0070");
    assert!(keeper.began.try_recv().is_err(), "it never began");
    running.stop().await;
}

#[tokio::test]
async fn behind_a_transport_what_waits_in_the_outbox_and_what_runs_is_cancelled() {
    async fn never_end(Msg(job): Msg<Job>, State(gate): State<Gate>) -> Result {
        gate.pass(job.n).await;
        Ok(())
    }
    let (gate, mut keeper) = gate();
    let carrier = Memory::new();
    let running = Running::on_memory(|worker| {
        worker.via(carrier.clone()).module(Module::new("m", gate).consume("work", never_end))
    })
    .await;
    let (client, tenant) = (&running.client, Tenant::default());

    let later = wharf::Draft::of(&Job { n: 1 }).after(Duration::from_secs(3600));
    let waits = client.post(&tenant, &later).await.unwrap();
    assert_eq!(client.cancel(&tenant, waits).await.unwrap(), 1);
    let runs = client.send(&tenant, Job { n: 2 }).await.unwrap();
    assert_eq!(keeper.next().await, 2);
    client.cancel(&tenant, runs).await.unwrap();

    let letters = async || client.dead_letters(&DeadLetterFilter::default()).await.unwrap();
    until("both are given up", async || letters().await.len() == 2).await;
    let mut told: Vec<_> = letters().await.into_iter().map(|letter| (letter.endpoint, letter.code)).collect();
    told.sort_unstable();
    let expected = [("outbox:work", "W0070"), ("work", "W0070")];
    assert_eq!(told, expected.map(|(endpoint, code)| (endpoint.to_owned(), code.to_owned())));
    running.stop().await;
}
