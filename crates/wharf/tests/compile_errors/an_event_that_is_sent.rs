//! An event that is sent as if it had one consumer.
use serde::{Deserialize, Serialize};
use wharf::{Bus, Key, Message, Module, Msg, Result};

#[derive(Serialize, Deserialize)]
struct Ping;

impl Message for Ping {
    const NAME: &'static str = "test.ping";
    fn key(&self) -> Key {
        Key::new("test", 1)
    }
}

async fn handle(Msg(_): Msg<Ping>, bus: Bus) -> Result {
    bus.send(Ping);
    Ok(())
}

fn main() {
    let _ = Module::new("test", ()).consume("handle", handle);
}
