//! The memory engine keeps the promises of every engine.

use async_trait::async_trait;
use wharf::{
    Memory, MemoryTx, Result, Tx,
    testing::{
        ManualClock,
        conformance::{Subject, apart::InMemory},
    },
};

struct OnMemory(Memory);

#[async_trait]
impl Subject for OnMemory {
    type Engine = Memory;

    async fn start(clock: ManualClock) -> Self {
        Self(Memory::with_clock(clock))
    }

    fn engine(&self) -> Memory {
        self.0.clone()
    }

    async fn write(tx: &mut Tx, key: &str, value: &str) -> Result {
        tx.memory().await?.put(key, value);
        Ok(())
    }

    async fn read(&self, key: &str) -> Option<String> {
        self.0.get(key).await
    }
}

wharf::conformance!(OnMemory);

mod apart {
    use super::*;
    wharf::conformance_apart!(OnMemory, InMemory);
}
