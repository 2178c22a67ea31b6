//! What handlers may look like.
use serde::{Deserialize, Serialize};
use wharf::{Attempt, Bus, Cancel, Envelope, Failure, Key, Message, Module, Msg, Result, State, Tx};

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

async fn nothing(Msg(_): Msg<Ping>) -> Result {
    Ok(())
}

async fn everything(
    Msg(_): Msg<Ping>,
    State(_): State<Ports>,
    _: Tx,
    _: Bus,
    _: Attempt,
    _: Cancel,
    _: Envelope,
) -> Result {
    Ok(())
}

async fn one(Msg(ping): Msg<Ping>) -> Result<Ping> {
    Ok(ping)
}

async fn some(Msg(ping): Msg<Ping>) -> Result<Option<Ping>, Failure> {
    Ok(Some(ping))
}

async fn many(Msg(ping): Msg<Ping>) -> Result<(Vec<Ping>, Ping), std::num::ParseIntError> {
    Ok((Vec::new(), ping))
}

fn main() {
    let _ = Module::new("test", Ports)
        .consume("nothing", nothing)
        .consume("everything", everything)
        .consume("one", one)
        .consume("some", some)
        .consume("many", many);
}
