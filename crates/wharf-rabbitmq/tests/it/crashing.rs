//! Messages that kill whoever handles them.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc};
use wharf::{DeadLetterFilter, Limits, Memory, Module, Msg, Result, State, Tenant, Tx, Worker};

use crate::{
    broker,
    work::{Work, count, counted},
};

const DEADLY: u32 = 7;
const MESSAGES: u32 = 20;

type Test = (Memory, mpsc::UnboundedSender<u32>);

async fn work(Msg(work): Msg<Work>, State((memory, told)): State<Test>, mut tx: Tx) -> Result {
    if work.number == DEADLY {
        told.send(DEADLY).unwrap();
        std::future::pending::<()>().await;
    }
    count(&mut tx, &memory, work.number).await?;
    told.send(work.number).unwrap();
    Ok(())
}

/// Each process has a connection of its own, and dies with what it holds and all that it has counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w25_a_message_that_kills_its_process_behind_a_broker_is_set_aside_and_its_neighbours_are_handled() {
    let (prefix, memory) = (broker::prefix(), Memory::new());
    let (told, mut hears) = mpsc::unbounded_channel();
    let mut deaths = 0;
    let letters = loop {
        let transport = broker::options(&prefix).connect().await.unwrap();
        let module = Module::new("test", (memory.clone(), told.clone()))
            // One of several messages that are under way together.
            .endpoint("work", |e| e.concurrency(1).consume("work", work));
        let worker = Worker::new(memory.clone()).via(transport.clone()).module(module).ready().await.unwrap();
        let client = worker.client("a test");
        if deaths == 0 {
            for number in 0..MESSAGES {
                client.publish(&Tenant::default(), Work::new(number)).await.unwrap();
            }
        }
        let (stop, abort) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (stopped, aborted) = (Arc::clone(&stop), Arc::clone(&abort));
        let running = tokio::spawn(async move {
            worker.run_until_or_abort(stopped.notified(), aborted.notified()).await;
        });
        let mut letters = client.dead_letters(&DeadLetterFilter::default()).await.unwrap();
        let died = loop {
            if hears.try_recv().is_ok_and(|number| number == DEADLY) {
                break true;
            }
            let mut done = 0;
            for number in 0..MESSAGES {
                done += u32::from(counted(&memory, number).await > 0);
            }
            if letters.len() == 1 && done == MESSAGES - 1 {
                break false;
            }
            letters = client.dead_letters(&DeadLetterFilter::default()).await.unwrap();
            tokio::task::yield_now().await;
        };
        match died {
            true => abort.notify_one(),
            false => stop.notify_one(),
        }
        running.await.unwrap();
        if !died {
            transport.remove().await.unwrap();
            break letters;
        }
        transport.close().await;
        deaths += 1;
        assert!(deaths < 10, "it kills one process after another");
    };

    assert_eq!(deaths, 1 + Limits::default().crashes_max, "once beside others, then alone");
    assert_eq!((letters[0].code.as_str(), letters[0].envelope.crashes), ("W0028", 3));
    for number in (0..MESSAGES).filter(|number| *number != DEADLY) {
        assert_eq!(counted(&memory, number).await, 1, "message {number}");
    }
}
