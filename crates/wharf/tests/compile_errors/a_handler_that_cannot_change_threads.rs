//! A handler that holds across an await what must stay on its thread.
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

async fn handle(Msg(_): Msg<Ping>, mut tx: Tx) -> Result {
    let count = std::rc::Rc::new(1);
    tx.open().await?;
    drop(count);
    Ok(())
}

fn main() {
    Module::new("test", ()).consume("handle", handle);
}
