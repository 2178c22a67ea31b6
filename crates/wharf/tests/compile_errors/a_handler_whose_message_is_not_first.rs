//! A handler whose message is not its first parameter.
use serde::{Deserialize, Serialize};
use wharf::{Key, Message, Module, Msg, Result, Tx};

#[derive(Serialize, Deserialize)]
struct Ping;

impl Message for Ping {
    const NAME: &'static str = "test.ping";
    fn key(&self) -> Key {
        Key::new("test", 1)
    }
}

async fn handle(_tx: Tx, Msg(_): Msg<Ping>) -> Result {
    Ok(())
}

fn main() {
    Module::new("test", ()).consume("handle", handle);
}
