//! Seeded faults at every port call: whatever fails, before or after, each effect happens exactly once.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wharf::{
    Bus, Key, Kind, Limits, Memory, MemoryTx, Message, Module, Msg, Result, Retry, Tenant, Tx, Worker,
    testing::{Faulty, Harness, ManualClock},
};

#[derive(Serialize, Deserialize)]
struct Reserve {
    order: u32,
}

impl Message for Reserve {
    const NAME: &'static str = "test.reserve";
    const KIND: Kind = Kind::Command;
    fn key(&self) -> Key {
        Key::new("order", self.order)
    }
}

#[derive(Serialize, Deserialize)]
struct Reserved {
    order: u32,
}

impl Message for Reserved {
    const NAME: &'static str = "test.reserved";
    fn key(&self) -> Key {
        Key::new("order", self.order)
    }
}

/// Without a transaction: settled in a batch, together with what it sends.
async fn reserve(Msg(reserve): Msg<Reserve>, bus: Bus) -> Result {
    bus.publish(Reserved { order: reserve.order });
    Ok(())
}

/// Within a transaction: settled together with what it writes.
async fn ship(Msg(reserved): Msg<Reserved>, mut tx: Tx) -> Result {
    let tx = tx.memory().await?;
    let key = format!("shipped {}", reserved.order);
    let count: u32 = tx.get(&key).map_or(0, |count| count.parse().unwrap());
    tx.put(&key, &(count + 1).to_string());
    Ok(())
}

fn module() -> Module<()> {
    let patient = || Retry::exponential("patient", Duration::from_secs(1), Duration::from_secs(60), 90);
    Module::new("m", ())
        .endpoint("reserve", |e| e.retry(patient()).consume("reserve", reserve))
        .endpoint("ship", |e| e.retry(patient()).consume("ship", ship))
}

/// An engine that loses the answers to claims makes it look as if their deliveries killed the process.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.crashes_max = 1_000;
    limits
}

#[tokio::test]
async fn whatever_fails_each_effect_happens_exactly_once() {
    const ORDERS: u32 = 5;
    let mut faults = 0;
    for seed in 0..300 {
        let clock = ManualClock::new();
        let memory = Memory::with_clock(clock.clone());
        let calm = Worker::new(memory.clone()).module(module()).ready().await.unwrap().client("test");
        for order in 0..ORDERS {
            calm.send(&Tenant::default(), Reserve { order }).await.unwrap();
        }
        let faulty = Faulty::new(memory.clone(), seed).rate(0.4);

        let mut app = Harness::start(Worker::new(faulty.clone()).module(module()).limits(limits()), clock).await;
        app.wind(Duration::from_secs(24 * 3600)).await;

        for order in 0..ORDERS {
            let shipped = memory.get(&format!("shipped {order}")).await;
            assert_eq!(shipped.as_deref(), Some("1"), "order {order}, seed {seed}:\n{}", app.transcript());
        }
        app.finish().await;
        faults += faulty.faults();
    }
    assert!(faults > 1_000, "{faults} faults are too few to prove anything");
}

#[tokio::test]
async fn the_same_seed_tells_the_same_story() {
    let story = async || {
        let clock = ManualClock::new();
        let faulty = Faulty::new(Memory::with_clock(clock.clone()), 7).rate(0.3);
        let mut app = Harness::start(Worker::new(faulty.clone()).module(module()).limits(limits()), clock).await;
        app.wind(Duration::from_secs(3600)).await;
        faulty.calm();
        app.send(Reserve { order: 1 }).await;
        app.wind(Duration::from_secs(3600)).await;
        (app.transcript(), faulty.faults())
    };
    assert_eq!(story().await, story().await);
}
