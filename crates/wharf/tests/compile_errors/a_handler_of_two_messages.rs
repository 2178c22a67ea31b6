//! A handler that asks for two messages.
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

async fn handle(Msg(_): Msg<Ping>, Msg(_): Msg<Ping>) -> Result {
    Ok(())
}

fn main() {
    Module::new("test", ()).consume("handle", handle);
}
