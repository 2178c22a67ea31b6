//! A handler without its `async`.
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

fn handle(Msg(_): Msg<Ping>) -> Result {
    Ok(())
}

fn main() {
    Module::new("test", ()).consume("handle", handle);
}
