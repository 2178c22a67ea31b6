//! P8: a store that settles slowly holds the worker back; nothing piles up in the process.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use tokio::sync::Semaphore;
use wharf::{Limits, Memory, Module, Msg, Result, State, testing::Faulty, testing::ManualClock};

use super::{Job, Running, turns, until};

const JOBS: u32 = 400;
const PREFETCH: u32 = 16;

async fn count(Msg(_): Msg<Job>, State(ran): State<Arc<AtomicU32>>) -> Result {
    ran.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

#[tokio::test]
async fn w34_a_slow_store_holds_the_worker_back_and_nothing_piles_up() {
    let clock = ManualClock::new();
    let (ran, permits) = (Arc::new(AtomicU32::new(0)), Arc::new(Semaphore::new(0)));
    let slow = Faulty::new(Memory::with_clock(clock.clone()), 0).rate(0.0).settling_by(Arc::clone(&permits));
    let mut limits = Limits::default();
    limits.settle_batch_max_rows = 10;
    let running = Running::start(slow, clock, |worker| {
        let module = Module::new("m", Arc::clone(&ran));
        let prefetch = PREFETCH as usize;
        let module = module.endpoint("work", |e| e.concurrency(4).prefetch(prefetch).consume("work", count));
        worker.limits(limits).module(module)
    })
    .await;
    running.send(0..JOBS).await;
    let due = async || running.client.depth().await.unwrap().iter().map(|depth| depth.due).sum::<u64>();

    let (mut settled, mut settlements) = (0, 0);
    while settled < JOBS {
        turns().await;
        // However long it is given, it runs no further ahead of the store than what it may hold.
        let ahead = ran.load(Ordering::Relaxed) - settled;
        assert!(ahead <= PREFETCH, "{ahead} ran that are not settled");
        let held = u64::from(JOBS - settled) - due().await;
        assert!(held <= u64::from(PREFETCH), "{held} are held");

        permits.add_permits(1);
        settlements += 1;
        let before = settled;
        until("the store settles a batch", async || {
            settled = JOBS - u32::try_from(running.left().await).unwrap();
            settled > before
        })
        .await;
        assert!(settled - before <= 10, "no more than a batch at once");
    }
    assert_eq!(ran.load(Ordering::Relaxed), JOBS, "each ran once");
    assert!(settlements <= JOBS / 4, "{settlements} settlements are no batches");
    running.stop().await;
}
