//! Connections that break under load: work goes on by itself, and each message has its effects once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use wharf::{Key, Memory, MemoryTx, Message, Module, Msg, Result, State, Tenant, Tx, Worker};
use wharf_rabbitmq::RabbitMq;

use crate::broker;

const MESSAGES: u32 = 300;
const CUTS: u32 = 5;

#[derive(Debug, Serialize, Deserialize)]
struct Counted {
    number: u32,
}

impl Message for Counted {
    const NAME: &'static str = "test.counted";

    fn key(&self) -> Key {
        Key::new("number", self.number)
    }
}

type Told = mpsc::UnboundedSender<u32>;

/// Adds one to the message's own count, in the delivery's transaction.
async fn count(Msg(counted): Msg<Counted>, State((memory, told)): State<(Memory, Told)>, mut tx: Tx) -> Result {
    let key = counted.number.to_string();
    let before: u32 = memory.get(&key).await.map_or(0, |count| count.parse().unwrap());
    tx.memory().await?.put(&key, &(before + 1).to_string());
    told.send(counted.number).unwrap();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w20_connections_that_are_cut_under_load_lose_and_double_nothing() {
    let (through, proxy) = broker::behind_proxy().await;
    let transport = RabbitMq::options(&through).unwrap().prefix(&broker::prefix()).connect().await.unwrap();

    let memory = Memory::new();
    let (told, mut hears) = mpsc::unbounded_channel();
    let module = Module::new("test", (memory.clone(), told)).consume("count", count);
    let worker = Worker::new(memory.clone()).via(transport.clone()).module(module).ready().await.unwrap();
    let client = worker.client("a test");
    worker
        .run_until(async {
            let mut seen = BTreeMap::<u32, u32>::new();
            for round in 0..CUTS {
                for number in round * MESSAGES / CUTS..(round + 1) * MESSAGES / CUTS {
                    client.publish(&Tenant::default(), Counted { number }).await.unwrap();
                }
                // In the midst of it: some are handled, others are on their way.
                *seen.entry(hears.recv().await.unwrap()).or_default() += 1;
                match round % 2 {
                    0 => proxy.cut(),
                    _ => {
                        proxy.close();
                        client.publish(&Tenant::default(), Counted { number: MESSAGES + round }).await.unwrap();
                        proxy.open();
                    }
                }
            }
            while seen.len() < (MESSAGES + CUTS / 2) as usize {
                *seen.entry(hears.recv().await.unwrap()).or_default() += 1;
            }
        })
        .await;
    for number in (0..MESSAGES).chain([MESSAGES + 1, MESSAGES + 3]) {
        assert_eq!(memory.get(&number.to_string()).await.as_deref(), Some("1"), "message {number}");
    }
    transport.remove().await.unwrap();
}
