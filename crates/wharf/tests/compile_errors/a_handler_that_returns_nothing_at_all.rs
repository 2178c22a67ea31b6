//! A handler that does not return a result.
use serde::{Deserialize, Serialize};
use wharf::{Key, Message, Module, Msg};

#[derive(Serialize, Deserialize)]
struct Ping;

impl Message for Ping {
    const NAME: &'static str = "test.ping";
    fn key(&self) -> Key {
        Key::new("test", 1)
    }
}

async fn handle(Msg(_): Msg<Ping>) {}

fn main() {
    Module::new("test", ()).consume("handle", handle);
}
