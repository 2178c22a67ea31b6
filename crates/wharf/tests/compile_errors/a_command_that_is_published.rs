//! A command that is published.
use serde::{Deserialize, Serialize};
use wharf::{Bus, Key, Kind, Message, Module, Msg, Result};

#[derive(Serialize, Deserialize)]
struct Ping;

impl Message for Ping {
    const NAME: &'static str = "test.ping";
    fn key(&self) -> Key {
        Key::new("test", 1)
    }
}

#[derive(Serialize, Deserialize)]
struct Pong;

impl Message for Pong {
    const NAME: &'static str = "test.pong";
    const KIND: Kind = Kind::Command;
    fn key(&self) -> Key {
        Key::new("test", 1)
    }
}

async fn handle(Msg(_): Msg<Ping>, bus: Bus) -> Result {
    bus.publish(Pong);
    Ok(())
}

fn main() {
    let _ = Module::new("test", ()).consume("handle", handle);
}
