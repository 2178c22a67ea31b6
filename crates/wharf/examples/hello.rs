//! Commands, a handler with a transaction, and the event that follows: `cargo run -p wharf --example hello`.

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use wharf::{Key, Kind, Memory, MemoryTx, Message, Module, Msg, Result, State, Tenant, Tx, Worker};

#[derive(Serialize, Deserialize)]
struct Greet {
    name: String,
}

impl Message for Greet {
    const NAME: &'static str = "hello.greet";
    const KIND: Kind = Kind::Command;
    fn key(&self) -> Key {
        Key::new("guest", &self.name)
    }
}

#[derive(Serialize, Deserialize)]
struct Greeted {
    name: String,
    visit: u32,
}

impl Message for Greeted {
    const NAME: &'static str = "hello.greeted";
    fn key(&self) -> Key {
        Key::new("guest", &self.name)
    }
}

/// Counts a guest's visits. The count, the event it returns and the acknowledgement of the command are one commit.
async fn greet(Msg(Greet { name }): Msg<Greet>, mut tx: Tx) -> Result<Greeted> {
    let tx = tx.memory().await?;
    let visit = tx.get(&name).map_or(Ok(0), |visits| visits.parse::<u32>())? + 1;
    tx.put(&name, &visit.to_string());
    Ok(Greeted { name, visit })
}

async fn announce(Msg(greeted): Msg<Greeted>, State(told): State<mpsc::Sender<String>>) -> Result {
    told.send(format!("Hello, {}! (visit {})", greeted.name, greeted.visit)).await?;
    Ok(())
}

/// Greets three guests, the first of them twice.
pub(crate) async fn run(mut say: impl FnMut(String)) -> Result<(), Box<dyn std::error::Error>> {
    let (told, mut greetings) = mpsc::channel(8);
    let module = Module::new("hello", told).consume("greet", greet).consume("announce", announce);
    let worker = Worker::new(Memory::new()).module(module).ready().await?;

    let client = worker.client("main");
    for name in ["Ada", "Grace", "Ada"] {
        client.send(&Tenant::default(), Greet { name: name.to_owned() }).await?;
    }

    let all_greeted = async {
        for _ in 0..3 {
            say(greetings.recv().await.unwrap_or_default());
        }
    };
    worker.run_until(all_greeted).await;
    Ok(())
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "an example shows what it does")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    run(|greeting| println!("{greeting}")).await
}
