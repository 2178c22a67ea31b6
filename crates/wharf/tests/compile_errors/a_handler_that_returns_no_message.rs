//! A handler that returns what is no message.
use serde::{Deserialize, Serialize};
use wharf::{Key, Message, Module, Msg, Result};

#[derive(Serialize, Deserialize)]
struct Ping;

impl Message for Ping {
    const NAME: &'static str = "test.ping";
    fn key(&self) -> Key {
        Key::new("test", 1)
    }
}

async fn handle(Msg(_): Msg<Ping>) -> Result<u32> {
    Ok(7)
}

fn main() {
    Module::new("test", ()).consume("handle", handle);
}
