//! Why a saga waits, as somebody at a terminal sees it.

use std::{convert::Infallible, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tempfile::TempDir;
use wharf::{
    Client, Key, Message, Module, Saga, SagaConsumer, SagaFilter, Start, Step, Tenant, Worker, begin, finish, stay, to,
};
use wharf_sqlite::Sqlite;

use crate::wharf;

#[derive(Serialize, Deserialize)]
struct Lent {
    book: u32,
}

#[derive(Serialize, Deserialize)]
struct Returned {
    book: u32,
}

impl Message for Lent {
    const NAME: &'static str = "library.lent";
    fn key(&self) -> Key {
        Key::new("book", self.book)
    }
}

impl Message for Returned {
    const NAME: &'static str = "library.returned";
    fn key(&self) -> Key {
        Key::new("book", self.book)
    }
}

/// A book that is lent, and minded until it is back.
struct Loan;

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Standing {
    Out { reminders: u32 },
    Back,
}

#[derive(Debug)]
enum Event {
    Lent(u32),
    Returned,
    Overdue,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Timer {
    Overdue,
}

impl From<Timer> for Event {
    fn from(Timer::Overdue: Timer) -> Self {
        Self::Overdue
    }
}

const WEEKS: Duration = Duration::from_secs(14 * 86_400);

impl Saga for Loan {
    const NAME: &'static str = "loan";
    type Facts = u32;
    type State = Standing;
    type Event = Event;
    type Change = Infallible;
    type Timer = Timer;

    fn start(&self, event: Event) -> Start<Self> {
        match event {
            Event::Lent(book) => begin(book, to(Standing::Out { reminders: 0 }).after(WEEKS, Timer::Overdue)),
            Event::Returned | Event::Overdue => Start::TooEarly,
        }
    }

    fn step(&self, _: &mut u32, _: Standing, event: Event) -> Step<Self> {
        match event {
            Event::Returned => finish(Standing::Back),
            Event::Lent(_) | Event::Overdue => stay(),
        }
    }
}

async fn until(client: &Client, how_many: usize, filter: SagaFilter) {
    while client.sagas(&filter).await.unwrap().len() < how_many {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn sagas_are_listed_and_shown_with_what_they_wait_for() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("library.db");
    let engine = Sqlite::open(&file).await.unwrap();
    let loan =
        SagaConsumer::new(Loan, ()).on(|Lent { book }| Event::Lent(book)).on(|Returned { book: _ }| Event::Returned);
    let worker =
        Worker::new(engine.clone()).module(Module::new("library", ()).saga("loan", loan)).ready().await.unwrap();
    let (client, tenant) = (worker.client("test"), Tenant::default());
    worker
        .run_until(async {
            for book in [7, 8] {
                client.publish(&tenant, Lent { book }).await.unwrap();
            }
            until(&client, 2, SagaFilter::default()).await;
            client.publish(&tenant, Returned { book: 8 }).await.unwrap();
            until(&client, 1, SagaFilter::default().finished(true)).await;
        })
        .await;
    engine.close().await;
    let json = |arguments: &[&str]| -> Value {
        let (ok, said) = wharf(&file, &[&["--json", "sagas"], arguments].concat());
        assert!(ok, "{said}");
        serde_json::from_str(&said).unwrap()
    };

    let waiting = json(&["list"]);
    assert_eq!(waiting.as_array().unwrap().len(), 1, "{waiting}");
    assert_eq!((&waiting[0]["key"], &waiting[0]["state"]), (&json!("book:7"), &json!("Out")));
    assert_eq!((&waiting[0]["timer"], &waiting[0]["finished"]), (&json!("Overdue"), &Value::Null));
    assert_eq!(json(&["list", "--finished", "--saga", "loan", "--state", "Back"])[0]["key"], "book:8");
    for none in [["--state", "Lost"], ["--saga", "purchase"], ["--limit", "0"]] {
        assert_eq!(json(&[&["list"][..], &none].concat()), json!([]), "{none:?}");
    }

    let shown = json(&["show", "loan", "book:7"]);
    assert_eq!(shown["facts"], json!(7));
    assert_eq!(shown["state_in_full"], json!({ "Out": { "reminders": 0 } }));
    assert_eq!((&shown["revision"], &shown["version"]), (&json!(1), &json!(1)));
    let timers = json!([{ "name": "Overdue", "due": shown["due"], "fired": false, "armed_at_revision": 1 }]);
    assert_eq!(shown["timers"], timers);
    assert!(shown["due"].is_string() && json(&["show", "loan", "book:8"])["finished"].is_string());

    let (ok, said) = wharf(&file, &["sagas", "show", "loan", "book:9"]);
    assert_eq!(
        (ok, said.as_str()),
        (false, "wharf: tenant `default` has no saga `loan` of book:9, or it is over and gone\n")
    );
}
