//! w12, w13, w14, w16: a database that is short of connections, read-only, restarted, or slow to commit.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::Connection;
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinSet,
};
use wharf::{
    Attempt, Client, Code, Key, Limits, Message, Module, Msg, ReadyWorker, Result, Retry, State, Tenant, Tx, Worker,
    ports::{Claim, Store, Transport},
};
use wharf_postgres::{Postgres, PostgresTx};

use crate::{
    database::Database,
    workers::{Counted, Seen, see},
};

/// As often as a policy may: what these tests wait for comes in the end.
fn again_and_again() -> Retry {
    Retry::fixed("again and again", [Duration::from_millis(20); 100])
}

/// Tells the test at which attempt it ran and what came of asking for a transaction, then writes.
async fn write(Msg(counted): Msg<Counted>, State(seen): State<Seen>, attempt: Attempt, mut tx: Tx) -> Result {
    seen.send(i64::from(attempt.number)).unwrap();
    let insert = sqlx::query("INSERT INTO handled (number) VALUES ($1)").bind(counted.number);
    insert.execute(tx.postgres().await?).await?;
    Ok(())
}

async fn writer(engine: &Postgres, seen: Seen) -> ReadyWorker {
    let module = Module::new("test", seen);
    let module = module.endpoint("write", |at| at.retry(again_and_again()).concurrency(2).consume("write", write));
    Worker::new(engine.clone()).module(module).limits(limits()).ready().await.unwrap()
}

/// After an outage it is looked for work at once.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.fallback_poll = Duration::from_millis(20);
    limits
}

/// Nothing waits at `write`, and each was handled once.
async fn assert_each_once(database: &Database, client: &Client, messages: i64) {
    while !client.depth().await.is_ok_and(|depth| depth.iter().all(|depth| &*depth.endpoint != "write")) {
        tokio::task::yield_now().await;
    }
    let mut connection = database.connection().await;
    let handled: Vec<i64> =
        sqlx::query_scalar("SELECT number FROM handled ORDER BY 1").fetch_all(&mut connection).await.unwrap();
    assert_eq!(handled, (0..messages).collect::<Vec<_>>());
    let dead: i64 =
        sqlx::query_scalar("SELECT count(*) FROM wharf.dead_letters").fetch_one(&mut connection).await.unwrap();
    assert_eq!(dead, 0);
    connection.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn w12_while_no_connection_can_be_had_deliveries_wait_and_then_each_is_handled_once() {
    let database = Database::create().await;
    database.run("CREATE TABLE handled (number BIGINT NOT NULL)").await;
    let options = database.options().transactions_max(2).acquire_timeout(Duration::from_secs(1));
    let engine = options.connect().await.unwrap();
    let (seen, mut seeing) = mpsc::unbounded_channel();
    let worker = writer(&engine, seen).await;
    let client = worker.client("test");
    let (one, two) = (engine.begin().await.unwrap(), engine.begin().await.unwrap());

    worker
        .run_until(async {
            for number in 0..10 {
                client.publish(&Tenant::default(), Counted { number }).await.unwrap();
            }
            // Long after the time to wait for a connection has run out, and each time as if for the first time.
            for _ in 0..3 * 10 {
                assert_eq!(seeing.recv().await, Some(1));
            }
            one.rollback().await.unwrap();
            two.rollback().await.unwrap();
            assert_each_once(&database, &client, 10).await;
        })
        .await;

    engine.close().await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w12_many_processes_may_start_at_once_and_share_the_work() {
    const PROCESSES: usize = 8;

    let database = Database::create().await;
    database.run("CREATE TABLE handled (number BIGINT NOT NULL)").await;
    let (seen, _seeing) = mpsc::unbounded_channel();
    let mut starting = JoinSet::new();
    for _ in 0..PROCESSES {
        let (options, seen) = (database.options().transactions_max(1).reads_max(1), seen.clone());
        starting.spawn(async move {
            let engine = options.connect().await.unwrap();
            let worker = writer(&engine, seen).await;
            (engine, worker)
        });
    }
    let started = starting.join_all().await;
    let client = started[0].1.client("test");
    let (stop, stopped) = watch::channel(false);
    let mut engines = Vec::new();
    let mut running = JoinSet::new();
    for (engine, worker) in started {
        engines.push(engine);
        let mut stopped = stopped.clone();
        running.spawn(worker.run_until(async move { drop(stopped.wait_for(|stop| *stop).await) }));
    }
    for number in 0..40 {
        client.publish(&Tenant::default(), Counted { number }).await.unwrap();
    }
    assert_each_once(&database, &client, 40).await;
    stop.send(true).unwrap();
    while running.join_next().await.is_some() {}

    for engine in engines {
        engine.close().await;
    }
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w13_after_a_failover_to_a_server_that_only_reads_work_goes_on_once_it_writes() {
    let database = Database::create().await;
    database.run("CREATE TABLE handled (number BIGINT NOT NULL)").await;
    let engine = database.engine().await;
    let (seen, mut seeing) = mpsc::unbounded_channel();
    let worker = writer(&engine, seen).await;
    let client = worker.client("test");

    worker
        .run_until(async {
            client.publish(&Tenant::default(), Counted { number: 0 }).await.unwrap();
            seeing.recv().await.unwrap();
            database.set_read_only(true).await;
            database.terminate_all().await;
            // The first may only find that its connection is gone.
            let refused = loop {
                let refused = client.publish(&Tenant::default(), Counted { number: 1 }).await.unwrap_err().chain();
                if refused.contains("read-only") {
                    break refused;
                }
            };
            assert!(refused.starts_with("W0018"), "{refused}");

            database.set_read_only(false).await;
            database.terminate_all().await;
            while client.publish(&Tenant::default(), Counted { number: 1 }).await.is_err() {}
            assert_each_once(&database, &client, 2).await;
        })
        .await;

    engine.close().await;
    database.remove().await;
}

/// Leases are rows and no locks of a session's: what cuts the connections gives nothing to anybody else.
#[tokio::test(flavor = "multi_thread")]
async fn w14_a_restart_of_the_server_lets_nobody_else_run_what_is_being_handled() {
    async fn wait(Msg(counted): Msg<Counted>, State((seen, go)): State<(Seen, Go)>, mut tx: Tx) -> Result {
        seen.send(counted.number).unwrap();
        go.lock().await.recv().await;
        let insert = sqlx::query("INSERT INTO handled (number) VALUES ($1)").bind(counted.number);
        insert.execute(tx.postgres().await?).await?;
        Ok(())
    }
    type Go = std::sync::Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<()>>>;

    let database = Database::create().await;
    database.run("CREATE TABLE handled (number BIGINT NOT NULL)").await;
    let (here, there) = (database.engine().await, database.engine().await);
    let (seen, mut seeing) = mpsc::unbounded_channel();
    let (go, going) = mpsc::unbounded_channel();
    let state = (seen, Go::new(going.into()));
    let module = Module::new("test", state).consume("write", wait);
    let worker = Worker::new(here.clone()).module(module).limits(limits()).ready().await.unwrap();
    let client = worker.client("test");

    worker
        .run_until(async {
            client.publish(&Tenant::default(), Counted { number: 0 }).await.unwrap();
            assert_eq!(seeing.recv().await, Some(0));
            database.terminate_all().await;
            let claim = Claim::new("write", 10, Duration::from_secs(30));
            let theirs = loop {
                match there.claim(&claim).await {
                    Ok(claimed) => break claimed.deliveries,
                    Err(_) => tokio::task::yield_now().await,
                }
            };
            assert!(theirs.is_empty(), "it is held by the one who handles it, connection or none");
            go.send(()).unwrap();
            assert_each_once(&database, &client, 1).await;
        })
        .await;

    assert_eq!(seeing.try_recv().ok(), None, "it ran once");
    here.close().await;
    there.close().await;
    database.remove().await;
}

#[derive(Serialize, Deserialize)]
struct Tick;

impl Message for Tick {
    const NAME: &'static str = "test.tick";
    fn key(&self) -> Key {
        Key::new("tick", "all")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w16_a_commit_that_hangs_holds_up_neither_other_messages_nor_schedules() {
    async fn tick(Msg(Tick): Msg<Tick>, State(told): State<Seen>) -> Result {
        told.send(TICK).unwrap();
        Ok(())
    }
    const TICK: i64 = -1;

    let database = Database::create().await;
    // The commit of number 0 waits until the test lets go of a lock.
    database
        .run(
            "CREATE TABLE handled (number BIGINT NOT NULL);
             CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN PERFORM pg_advisory_xact_lock(16); RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER hang AFTER INSERT ON handled DEFERRABLE INITIALLY DEFERRED
                 FOR EACH ROW WHEN (NEW.number = 0) EXECUTE FUNCTION hang();",
        )
        .await;
    let mut holder = database.connection().await;
    sqlx::query("SELECT pg_advisory_lock(16)").execute(&mut holder).await.unwrap();
    let engine = database.engine().await;
    let (seen, mut seeing) = mpsc::unbounded_channel();
    let (told, mut telling) = mpsc::unbounded_channel();
    let module = Module::new("test", seen).endpoint("write", |at| at.concurrency(4).consume("write", write));
    let ticks = Module::new("ticks", told).consume("see", see).every(Duration::from_millis(20), Tick);
    let ticks = ticks.consume("tick", tick);
    let worker = Worker::new(engine.clone()).module(module).module(ticks).limits(limits()).ready().await.unwrap();
    let client = worker.client("test");

    worker
        .run_until(async {
            client.publish(&Tenant::default(), Counted { number: 0 }).await.unwrap();
            seeing.recv().await.unwrap();
            database.waits_for_a_lock().await;
            for number in 1..10 {
                client.publish(&Tenant::default(), Counted { number }).await.unwrap();
            }
            let (mut others, mut ticks) = (0, 0);
            while others < 9 || ticks < 3 {
                match telling.recv().await.unwrap() {
                    TICK => ticks += 1,
                    _ => others += 1,
                }
            }
            for _ in 1..10 {
                seeing.recv().await.unwrap();
            }
            holder.close().await.unwrap();
            assert_each_once(&database, &client, 10).await;
        })
        .await;

    assert_eq!(seeing.try_recv().ok(), None, "each ran once");
    engine.close().await;
    database.remove().await;
}

/// As a port does that another program has taken while the server was away; this one says back what it hears.
#[tokio::test]
async fn who_answers_and_is_no_postgresql_counts_as_away() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://nobody@{}/nothing", listener.local_addr().unwrap());
    let echoing = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut reading, mut writing) = stream.split();
        let _ = tokio::io::copy(&mut reading, &mut writing).await;
    });
    let refused = Postgres::connect(&url).await.unwrap_err();
    assert_eq!(refused.code(), Code::ENGINE_UNREACHABLE, "{}", refused.chain());
    echoing.abort();
}
