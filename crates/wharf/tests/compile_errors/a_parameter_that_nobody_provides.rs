//! A handler with a parameter that a delivery does not have.
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

async fn handle(Msg(_): Msg<Ping>, _attempts: u32) -> Result {
    Ok(())
}

fn main() {
    Module::new("test", ()).consume("handle", handle);
}
