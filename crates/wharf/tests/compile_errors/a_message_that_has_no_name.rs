//! A handler of a type that is no message.
use serde::{Deserialize, Serialize};
use wharf::{Module, Msg, Result};

#[derive(Serialize, Deserialize)]
struct Ping;

async fn handle(Msg(_): Msg<Ping>) -> Result {
    Ok(())
}

fn main() {
    Module::new("test", ()).consume("handle", handle);
}
