//! A piece of work, and a handler that counts in the store how often it was done.

use serde::{Deserialize, Serialize};
use wharf::{Key, Memory, MemoryTx, Message, Result, Tx};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) number: u32,
    pub(crate) key: u32,
}

impl Work {
    /// A key of its own.
    pub(crate) fn new(number: u32) -> Self {
        Self { number, key: number }
    }
}

impl Message for Work {
    const NAME: &'static str = "test.work";

    fn key(&self) -> Key {
        Key::new("key", self.key)
    }
}

/// Adds one to the count of this piece, in the delivery's transaction.
pub(crate) async fn count(tx: &mut Tx, memory: &Memory, number: u32) -> Result {
    let before = counted(memory, number).await;
    tx.memory().await?.put(&number.to_string(), &(before + 1).to_string());
    Ok(())
}

/// How often this piece was done.
pub(crate) async fn counted(memory: &Memory, number: u32) -> u32 {
    memory.get(&number.to_string()).await.map_or(0, |count| count.parse().unwrap())
}
