//! A guest book: a command, the handler that writes, and the event that follows from it.

use std::{env, error::Error, path::Path};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use wharf::{Key, Kind, Message, Module, Msg, Result, State, Tenant, Tx, Worker};
use wharf_sqlite::{Migrations, Sqlite, SqliteTx};

const TABLES: Migrations = Migrations::of(
    "guests",
    &[("visits", "CREATE TABLE visits (name TEXT PRIMARY KEY, visits INTEGER NOT NULL) STRICT")],
);

#[derive(Serialize, Deserialize)]
struct Greet {
    name: String,
}

impl Message for Greet {
    const NAME: &'static str = "guests.greet";
    const KIND: Kind = Kind::Command;
    fn key(&self) -> Key {
        Key::new("guest", &self.name)
    }
}

#[derive(Serialize, Deserialize)]
struct Greeted {
    name: String,
    visit: i64,
}

impl Message for Greeted {
    const NAME: &'static str = "guests.greeted";
    fn key(&self) -> Key {
        Key::new("guest", &self.name)
    }
}

/// The row, the event it returns and the acknowledgement of the command are one commit.
async fn count_visit(Msg(Greet { name }): Msg<Greet>, mut tx: Tx) -> Result<Greeted> {
    let count = "INSERT INTO visits VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET visits = visits + 1 RETURNING visits";
    let visit = sqlx::query_scalar(count).bind(&name).fetch_one(tx.sqlite().await?).await?;
    Ok(Greeted { name, visit })
}

async fn say_hello(Msg(greeted): Msg<Greeted>, State(said): State<mpsc::UnboundedSender<String>>) -> Result {
    said.send(format!("Hello, {}! (visit {})", greeted.name, greeted.visit))?;
    Ok(())
}

fn guests(said: mpsc::UnboundedSender<String>) -> Module<mpsc::UnboundedSender<String>> {
    Module::new("guests", said).consume("count-visit", count_visit).consume("say-hello", say_hello)
}

async fn greet(file: &Path, names: &[String]) -> Result<Vec<String>, Box<dyn Error>> {
    let engine = Sqlite::open(file).await?;
    engine.migrate(TABLES).await?;
    let (said, mut hearing) = mpsc::unbounded_channel();
    let worker = Worker::new(engine.clone()).module(guests(said)).ready().await?;
    let client = worker.client("command line");
    for name in names {
        client.send(&Tenant::default(), Greet { name: name.clone() }).await?;
    }
    let mut greetings = Vec::new();
    let all_greeted = async {
        while greetings.len() < names.len() {
            greetings.extend(hearing.recv().await);
        }
    };
    worker.run_until(all_greeted).await; // a server would wait for Ctrl-C here
    engine.close().await;
    Ok(greetings)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let names: Vec<_> = env::args().skip(1).collect();
    let mut greetings = greet(Path::new("guests.db"), &names).await?;
    greetings.sort();
    greetings.iter().for_each(|greeting| println!("{greeting}"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use wharf::testing::{Harness, ManualClock};

    use super::*;

    #[tokio::test]
    async fn a_guest_is_counted_and_greeted() {
        let file = env::temp_dir().join(format!("guests-{}.db", std::process::id()));
        let clock = ManualClock::new();
        let engine = Sqlite::options(&file).clock(clock.clone()).open().await.unwrap();
        engine.migrate(TABLES).await.unwrap();
        let (said, mut hearing) = mpsc::unbounded_channel();
        let mut app = Harness::start(Worker::new(engine.clone()).module(guests(said)), clock).await;

        app.send(Greet { name: "Ada".to_owned() }).await;
        app.settle().await;

        assert_eq!(hearing.recv().await.as_deref(), Some("Hello, Ada! (visit 1)"));
        assert_eq!(
            app.transcript(),
            "→ guests.greet guest:Ada\n\
             count-visit ← guests.greet guest:Ada ⇒ guests.greeted\n\
             say-hello ← guests.greeted guest:Ada"
        );
        app.finish().await;
        engine.close().await;
        std::fs::remove_file(file).unwrap();
    }
}
