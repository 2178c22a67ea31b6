//! Work goes in, gets done, and what follows from it too; an idle worker wakes at once.

use std::time::Duration;

use wharf::{Bus, Key, Kind, MemoryTx, Message, Module, Msg, Result, State, Tx};

use super::{Gate, Job, Running, gate, until};

#[derive(serde::Serialize, serde::Deserialize)]
struct JobDone {
    n: u32,
}

impl Message for JobDone {
    const NAME: &'static str = "test.job-done";
    const KIND: Kind = Kind::Event;
    fn key(&self) -> Key {
        Key::new("job", self.n)
    }
}

async fn work(Msg(job): Msg<Job>, mut tx: Tx, bus: Bus) -> Result {
    tx.memory().await?.put(&format!("job {}", job.n), "done");
    bus.publish(JobDone { n: job.n });
    Ok(())
}

async fn count(Msg(done): Msg<JobDone>, mut tx: Tx) -> Result {
    let tx = tx.memory().await?;
    let count: u32 = tx.get("count").map_or(0, |count| count.parse().unwrap());
    tx.put("count", &(count + 1).to_string());
    tx.put(&format!("counted {}", done.n), "yes");
    Ok(())
}

async fn pass(Msg(job): Msg<Job>, State(gate): State<Gate>) -> Result {
    gate.pass(job.n).await;
    Ok(())
}

#[tokio::test]
async fn every_message_and_what_follows_from_it_is_handled_once() {
    let running =
        Running::on_memory(|worker| worker.module(Module::new("m", ()).consume("work", work).consume("count", count)))
            .await;

    running.send(0..100).await;

    until("nothing is left", async || running.left().await == 0).await;
    let memory = running.stop().await;
    assert_eq!(memory.get("count").await.as_deref(), Some("100"));
}

#[tokio::test]
async fn an_idle_worker_wakes_without_time_passing() {
    let (gate, mut keeper) = gate();
    let running = Running::on_memory(|worker| worker.module(Module::new("m", gate).consume("work", pass))).await;
    super::turns().await;

    running.send([1]).await;

    assert_eq!(keeper.next().await, 1);
    keeper.let_pass(1);
    running.stop().await;
}

#[tokio::test]
async fn a_delayed_message_is_taken_up_when_it_is_due() {
    let (gate, mut keeper) = gate();
    let running = Running::on_memory(|worker| worker.module(Module::new("m", gate).consume("work", pass))).await;
    let mut work = running.client.begin(&wharf::Tenant::default()).unwrap();
    work.bus.send_after(Duration::from_millis(300), Job { n: 1 });
    work.tx.memory().await.unwrap().put("order", "placed");
    work.commit().await.unwrap();
    super::turns().await;

    running.clock.wind(Duration::from_millis(300));

    assert_eq!(keeper.next().await, 1);
    keeper.let_pass(1);
    running.stop().await;
}
