//! A handler that asks for a state its module was not made with.
use serde::{Deserialize, Serialize};
use wharf::{Key, Message, Module, Msg, Result, State};

#[derive(Serialize, Deserialize)]
struct Ping;

impl Message for Ping {
    const NAME: &'static str = "test.ping";
    fn key(&self) -> Key {
        Key::new("test", 1)
    }
}

#[derive(Clone)]
struct Ports;

async fn handle(Msg(_): Msg<Ping>, State(_): State<Ports>) -> Result {
    Ok(())
}

fn main() {
    Module::new("test", ()).consume("handle", handle);
}
