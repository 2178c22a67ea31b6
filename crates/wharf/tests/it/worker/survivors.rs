//! P4: a process runs one survivor of a crash at a time, and gives up what was lost alone too often.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wharf::{
    DeadLetterFilter, Key, Memory, Message, Module, Msg, Result, State, Tenant, Worker,
    ports::{Claim, Transport},
    testing::ManualClock,
};

use super::{Gate, Job, Keeper, Running, gate, turns, until};

const LEASE: Duration = Duration::from_secs(30);

#[derive(Serialize, Deserialize)]
struct Noted {
    n: u32,
}

impl Message for Noted {
    const NAME: &'static str = "test.noted";
    fn key(&self) -> Key {
        Key::new("job", self.n)
    }
}

async fn work(Msg(job): Msg<Job>, State(gate): State<Gate>) -> Result {
    gate.pass(job.n).await;
    Ok(())
}

async fn note(Msg(noted): Msg<Noted>, State(gate): State<Gate>) -> Result {
    gate.pass(noted.n).await;
    Ok(())
}

fn module(gate: Gate) -> Module<Gate> {
    Module::new("m", gate).consume("work", work).consume("note", note)
}

/// Sends these jobs and notes, and loses so many leases of each, the first of them together.
async fn lost(jobs: &[u32], notes: &[u32], leases: usize) -> (Memory, ManualClock) {
    let clock = ManualClock::new();
    let memory = Memory::with_clock(clock.clone());
    let (gate, _) = gate();
    let client = Worker::new(memory.clone()).module(module(gate)).ready().await.unwrap().client("test");
    for &n in jobs {
        client.send(&Tenant::default(), Job { n }).await.unwrap();
    }
    for &n in notes {
        client.publish(&Tenant::default(), Noted { n }).await.unwrap();
    }
    for lease in 0..leases {
        for endpoint in ["work", "note"] {
            let claims = if lease == 0 { 1 } else { jobs.len().max(notes.len()) };
            for _ in 0..claims {
                memory.claim(&Claim::new(endpoint, 10, LEASE)).await.unwrap();
            }
        }
        clock.wind(LEASE);
    }
    (memory, clock)
}

async fn run((memory, clock): (Memory, ManualClock)) -> (Running<Memory>, Keeper) {
    let (gate, keeper) = gate();
    (Running::start(memory, clock, |worker| worker.module(module(gate))).await, keeper)
}

#[tokio::test]
async fn survivors_of_all_endpoints_run_one_by_one_and_fresh_ones_beside_them() {
    let (running, mut keeper) = run(lost(&[1, 2], &[11, 12], 1).await).await;
    let mut ran = vec![keeper.next().await];
    turns().await;
    assert!(keeper.began.is_empty(), "one survivor at a time");

    running.send([3, 4]).await;
    let mut beside = [keeper.next().await, keeper.next().await];
    beside.sort_unstable();
    assert_eq!(beside, [3, 4], "what is fresh does not wait");
    turns().await;
    assert!(keeper.began.is_empty());

    // The fresh ones hold no permit; whichever of them ends, a survivor follows only once a survivor has ended.
    keeper.let_pass(3);
    while ran.len() < 4 {
        // An idle endpoint looks by itself now and then.
        until("the next survivor begins", async || {
            running.clock.wind(Duration::from_millis(100));
            turns().await;
            !keeper.began.is_empty()
        })
        .await;
        ran.push(keeper.next().await);
        turns().await;
        assert!(keeper.began.is_empty(), "one survivor at a time");
        keeper.let_pass(1);
    }
    until("nothing is left", async || running.left().await == 0).await;
    ran.sort_unstable();
    assert_eq!(ran, [1, 2, 11, 12]);
    running.stop().await;
}

#[tokio::test]
async fn w25_what_was_lost_alone_three_times_is_set_aside_unrun_and_its_neighbours_go_on() {
    // Once among others, three times alone.
    let (running, mut keeper) = run(lost(&[1], &[], 4).await).await;
    running.send([2]).await;
    assert_eq!(keeper.next().await, 2);
    keeper.let_pass(1);
    until("nothing is left", async || running.left().await == 0).await;
    assert!(keeper.began.is_empty(), "it did not run");

    let letters = running.client.dead_letters(&DeadLetterFilter::default()).await.unwrap();
    let told: Vec<_> = letters.iter().map(|one| (one.code.as_str(), one.envelope.crashes, &*one.reason)).collect();
    assert_eq!(told, [("W0028", 3, "lost 3 times while it was claimed alone")]);
    assert_eq!(running.client.redrive(&DeadLetterFilter::default()).await.unwrap(), 1);
    assert_eq!(keeper.next().await, 1, "a redrive begins anew");
    keeper.let_pass(1);
    until("nothing is left", async || running.left().await == 0).await;
    running.stop().await;
}
