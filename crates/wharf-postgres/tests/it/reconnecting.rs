//! Connections come and go; what was committed stays.

use std::time::Duration;

use wharf::{
    Clock, Code, Module, Tenant, Worker,
    ports::{Claim, Outcome, Settlement, Store, Transport},
    testing::ManualClock,
};
use wharf_postgres::Postgres;

use crate::{
    database::Database,
    workers::{Counted, see},
};

const LEASE: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_delayed_retry_outlives_the_process() {
    let database = Database::create().await;
    let clock = ManualClock::new();
    let engine = database.engine_at(clock.clone()).await;
    engine.wind_to(clock.now()).await.unwrap();
    let (seen, _seeing) = tokio::sync::mpsc::unbounded_channel();
    let worker =
        Worker::new(engine.clone()).module(Module::new("test", seen).consume("see", see)).ready().await.unwrap();
    worker.client("test").publish(&Tenant::default(), Counted { number: 1 }).await.unwrap();
    let claimed = engine.claim(&Claim::new("see", 10, LEASE)).await.unwrap().deliveries;
    let outcome = Outcome::Retry { delay: HOUR, attempt: 1 };
    let settlement = Settlement::new(claimed[0].lease, outcome);
    assert_eq!(engine.settle(&[settlement]).await.unwrap(), [true]);
    engine.close().await;

    let engine = database.engine_at(clock.clone()).await;
    let waiting = engine.claim(&Claim::new("see", 10, LEASE)).await.unwrap();
    assert!(waiting.deliveries.is_empty());
    assert_eq!(waiting.next_due, Some(clock.now() + HOUR));
    clock.wind(HOUR);
    engine.wind_to(clock.now()).await.unwrap();
    let again = engine.claim(&Claim::new("see", 10, LEASE)).await.unwrap().deliveries;

    assert_eq!(again.iter().map(|delivery| delivery.envelope.attempt).collect::<Vec<_>>(), [1]);
    engine.close().await;
    database.remove().await;
}

#[tokio::test]
async fn a_transaction_begins_though_every_idle_connection_was_cut() {
    let database = Database::create().await;
    let engine = database.engine().await;
    let (one, two) = (engine.begin().await.unwrap(), engine.begin().await.unwrap());
    one.rollback().await.unwrap();
    two.rollback().await.unwrap();

    database.terminate_all().await;

    engine.begin().await.unwrap().commit(&[]).await.unwrap();
    engine.close().await;
    database.remove().await;
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_named_without_the_password() {
    let refused = Postgres::connect("postgres://app:hunter2@127.0.0.1:1/app").await.unwrap_err();

    assert_eq!(refused.code(), Code::ENGINE_UNREACHABLE);
    assert!(refused.chain().starts_with("W0017: cannot connect to PostgreSQL"), "{}", refused.chain());
    let options = Postgres::options("postgres://app:hunter2@127.0.0.1:1/app").unwrap();
    assert!(!format!("{options:?} {refused:?} {}", refused.chain()).contains("hunter2"));
}

#[tokio::test]
async fn what_is_no_address_is_refused_at_once() {
    let refused = Postgres::options("postgres://app:hunter2@:port/app").unwrap_err();

    assert_eq!(refused.code(), Code::ENGINE_UNREACHABLE);
    assert!(!format!("{refused:?} {}", refused.chain()).contains("hunter2"));
}
