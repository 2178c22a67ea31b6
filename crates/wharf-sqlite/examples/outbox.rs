//! An application with a table of its own publishes through the outbox, to a broker that is away at first and delivers
//! everything twice once it is back: `cargo run -p wharf-sqlite --example outbox`.
//!
//! Memory stands for the broker, and a harness drives the worker and winds the clock, so that it takes a moment. In
//! production it reads `Worker::new(sqlite).via(broker).module(shop).run_until(stopped).await`.

use std::{error::Error, path::Path, time::Duration};

use serde::{Deserialize, Serialize};
use wharf::testing::{Harness, ManualClock, Unruly};
use wharf::{Client, Key, Memory, Message, Module, Msg, Result, Tenant, Tx, Worker};
use wharf_sqlite::{Migrations, Sqlite, SqliteTx};

const TABLES: Migrations = Migrations::of(
    "shop",
    &[(
        "orders and parcels",
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT NOT NULL) STRICT;
         CREATE TABLE parcels (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL) STRICT;",
    )],
);

#[derive(Serialize, Deserialize)]
struct OrderPlaced {
    order: i64,
}

impl Message for OrderPlaced {
    const NAME: &'static str = "shop.order-placed";
    fn key(&self) -> Key {
        Key::new("order", self.order)
    }
}

/// The order and its event are one commit: neither is there without the other, and the broker is not asked.
async fn place(client: &Client, order: i64, item: Option<&str>) -> Result<(), wharf::Error> {
    let mut work = client.begin(&Tenant::default())?;
    work.bus.publish(OrderPlaced { order });
    let insert = sqlx::query("INSERT INTO orders (id, item) VALUES (?, ?)").bind(order).bind(item);
    match insert.execute(work.tx.sqlite().await?).await {
        Ok(_) => work.commit().await,
        // An order of nothing: the event is forgotten with it.
        Err(_) => work.rollback().await,
    }
}

/// Nothing here looks whether the order was packed before.
async fn pack(Msg(placed): Msg<OrderPlaced>, mut tx: Tx) -> Result {
    let insert = sqlx::query("INSERT INTO parcels (order_id) VALUES (?)").bind(placed.order);
    insert.execute(tx.sqlite().await?).await?;
    Ok(())
}

/// Tells what happens, line by line.
pub(crate) async fn run(directory: &Path, mut say: impl FnMut(String)) -> Result<(), Box<dyn Error>> {
    let clock = ManualClock::new();
    let sqlite = Sqlite::options(directory.join("shop.db")).clock(clock.clone()).open().await?;
    sqlite.migrate(TABLES).await?;
    let broker = Unruly::new(Memory::with_clock(clock.clone())).delivering_twice();
    let shop = Module::new("shop", ()).consume("pack", pack);
    let mut app = Harness::start(Worker::new(sqlite.clone()).via(broker.clone()).module(shop), clock).await;

    broker.leave();
    place(app.client(), 1, Some("a lamp")).await?;
    place(app.client(), 2, Some("a chair")).await?;
    place(app.client(), 3, None).await?;
    app.wind(Duration::from_secs(3)).await;
    for depth in app.client().depth().await? {
        say(format!("the broker is away; {} messages wait in {}", depth.due + depth.delayed, depth.endpoint));
    }
    app.transcript();

    broker.come_back();
    app.wind(Duration::from_secs(60)).await;
    say(format!("the broker is back\n{}", app.transcript()));
    let parcels: Vec<i64> =
        sqlx::query_scalar("SELECT order_id FROM parcels ORDER BY order_id").fetch_all(sqlite.read_pool()).await?;
    say(format!("parcels for orders: {parcels:?}"));

    app.finish().await;
    sqlite.close().await;
    Ok(())
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "an example shows what it does")]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    run(directory.path(), |line| println!("{line}")).await
}
