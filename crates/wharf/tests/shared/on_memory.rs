//! The memory engine as what the suites of conformance try. Shared with tests of transports that stand beside it.

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;
use wharf::{
    Envelope, Key, Kind, Memory, MemoryTx, Outgoing, Priority, Result, Tenant, Timestamp, Trail, Tx,
    ports::Transport,
    testing::{ManualClock, conformance::Subject},
};

pub(crate) struct OnMemory(Memory);

#[async_trait]
impl Subject for OnMemory {
    type Engine = Memory;

    async fn start(clock: ManualClock) -> Self {
        Self(Memory::with_clock(clock))
    }

    fn engine(&self) -> Memory {
        self.0.clone()
    }

    async fn plant(&self, endpoint: &str, name: &str, body: &[u8]) -> Option<bool> {
        plant(&self.0, endpoint, name, body).await
    }

    async fn write(tx: &mut Tx, key: &str, value: &str) -> Result {
        tx.memory().await?.put(key, value);
        Ok(())
    }

    async fn read(&self, key: &str) -> Option<String> {
        self.0.get(key).await
    }
}

/// A message as a foreign program might send it.
pub(crate) async fn plant(memory: &Memory, endpoint: &str, name: &str, body: &[u8]) -> Option<bool> {
    let envelope = Envelope {
        id: Uuid::nil(),
        name: Arc::from(name),
        version: 1,
        kind: Kind::Event,
        key: Key::from_stored(String::new()),
        tenant: Tenant::new(""),
        sent_at: Timestamp::from_micros(-1),
        attempt: 0,
        crashes: 0,
        redrives: 0,
        priority: Priority::Normal,
        expires_at: None,
        trail: Trail::begin(Arc::from("unknown")),
    };
    let body = String::from_utf8_lossy(body);
    memory.send(&[Outgoing::new(Arc::from(endpoint), envelope, Arc::from(body))]).await.unwrap();
    Some(true)
}
