//! Deliveries that share a commit: what becomes of the others when one of them goes wrong.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sqlx::{Executor, PgConnection, Row};
use tokio::sync::{Barrier, Semaphore, mpsc};
use wharf::{Attempt, Code, Failure, Key, Message, Module, Msg, Result, Retry, State, Tenant, Tx, Worker};
use wharf_postgres::{Postgres, PostgresTx};

use crate::database::Database;

#[derive(Serialize, Deserialize)]
struct Turn {
    number: usize,
}

impl Message for Turn {
    const NAME: &'static str = "test.turn";

    fn key(&self) -> Key {
        Key::new("number", self.number)
    }
}

/// No pause of the machine's parts a group.
const LONG: Duration = Duration::from_secs(3600);

/// What the second member does in its first run, once it has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mishap {
    None,
    Fails,
    SwallowsAnError,
    Commits,
    RollsBack,
    LosesItsLease,
    LosesItsConnection,
}

#[derive(Clone)]
struct Stage {
    database: Arc<Database>,
    members: usize,
    mishap: Mishap,
    /// How often each number ran.
    runs: Arc<Mutex<HashMap<usize, usize>>>,
    /// One for each handler that is about to ask for its transaction.
    arrived: Arc<Semaphore>,
    /// Number and attempt of each run.
    ran: mpsc::UnboundedSender<(usize, u32)>,
}

/// Writes its number and its transaction's. The first member waits until all others wait for its connection.
async fn take_turn(Msg(turn): Msg<Turn>, State(stage): State<Stage>, mut tx: Tx, attempt: Attempt) -> Result {
    let number = turn.number;
    let first_run = {
        let mut runs = stage.runs.lock().unwrap();
        let runs = runs.entry(number).or_default();
        *runs += 1;
        *runs == 1
    };
    stage.ran.send((number, attempt.number)).unwrap();
    stage.arrived.add_permits(1);
    let connection = tx.postgres().await?;
    let note = "INSERT INTO notes (number, written_by) VALUES ($1, pg_current_xact_id()::text)";
    sqlx::query(note).bind(number as i64).execute(&mut *connection).await?;
    if number == 0 && first_run {
        stage.arrived.acquire_many(stage.members as u32).await.unwrap().forget();
    }
    if number == 1 && first_run { stage.go_wrong(connection).await } else { Ok(()) }
}

impl Stage {
    async fn go_wrong(&self, connection: &mut PgConnection) -> Result {
        match self.mishap {
            Mishap::None => {}
            Mishap::Fails => return Err(Failure::retry("not today")),
            Mishap::SwallowsAnError => drop(connection.execute("SELECT 1 / 0").await.unwrap_err()),
            Mishap::Commits => {
                let refused = connection.execute("COMMIT").await.unwrap_err().to_string();
                assert!(refused.contains("wharf commits it"), "{refused}");
            }
            Mishap::RollsBack => drop(connection.execute("ROLLBACK").await.unwrap()),
            Mishap::LosesItsLease => {
                self.database.run("UPDATE wharf.deliveries SET epoch = epoch + 1 WHERE key = 'number:1'").await;
            }
            Mishap::LosesItsConnection => {
                let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(connection).await?;
                self.database.terminate(backend).await;
            }
        }
        Ok(())
    }
}

/// What came of a group on the one connection there is.
struct Came {
    /// Number and attempt of each run, in their order.
    runs: Vec<(usize, u32)>,
    /// For each transaction that was committed, the numbers that wrote in it.
    committed: Vec<Vec<i64>>,
    /// How many deliveries are left.
    left: u64,
}

/// Lets so many members share a commit, one of which goes wrong, until there were so many runs.
async fn group_of(members: usize, share_commits: usize, mishap: Mishap, runs: usize) -> Came {
    let database = Arc::new(Database::create().await);
    database.run("CREATE TABLE notes (number BIGINT PRIMARY KEY, written_by TEXT NOT NULL)").await;
    let options = database.options().transactions_max(1).share_commits(share_commits);
    let engine = options.share_commits_within(LONG).connect().await.unwrap();
    let (ran, mut running) = mpsc::unbounded_channel();
    let stage = Stage {
        database: Arc::clone(&database),
        members,
        mishap,
        runs: Arc::default(),
        arrived: Arc::new(Semaphore::new(0)),
        ran,
    };
    let module = Module::new("test", stage).endpoint("turn", |turn| {
        turn.retry(Retry::immediate("again", 1)).concurrency(members).consume("turn", take_turn)
    });
    let worker = Worker::new(engine.clone()).module(module).ready().await.unwrap();
    let client = worker.client("test");
    let work = client.begin(&Tenant::default()).unwrap();
    (0..members).for_each(|number| work.bus.publish(Turn { number }));
    work.commit().await.unwrap();
    let mut took_place = Vec::new();
    worker
        .run_until(async {
            while took_place.len() < runs {
                took_place.push(running.recv().await.unwrap());
            }
        })
        .await;
    while let Ok(more) = running.try_recv() {
        took_place.push(more);
    }

    let committed = "SELECT array_agg(number ORDER BY number) FROM notes GROUP BY written_by ORDER BY min(number)";
    let committed = sqlx::query_scalar(committed).fetch_all(engine.pool()).await.unwrap();
    let left = client.depth().await.unwrap().iter().map(|depth| depth.due + depth.delayed + depth.held).sum();
    engine.close().await;
    if let Some(database) = Arc::into_inner(database) {
        database.remove().await;
    }
    Came { runs: took_place, committed, left }
}

#[tokio::test]
async fn deliveries_that_follow_one_another_share_a_commit() {
    let came = group_of(4, 8, Mishap::None, 4).await;

    assert_eq!(came.runs, [(0, 1), (1, 1), (2, 1), (3, 1)]);
    assert_eq!(came.committed, [[0, 1, 2, 3]]);
    assert_eq!(came.left, 0);
}

#[tokio::test]
async fn no_more_share_a_commit_than_asked_for() {
    let came = group_of(5, 2, Mishap::None, 5).await;

    assert_eq!(came.committed, [vec![0, 1], vec![2, 3], vec![4]]);
    assert_eq!(came.left, 0);
}

#[tokio::test]
async fn by_default_each_has_a_commit_of_its_own() {
    let came = group_of(3, 1, Mishap::None, 3).await;

    assert_eq!(came.committed, [[0], [1], [2]]);
    assert_eq!(came.left, 0);
}

#[tokio::test]
async fn a_member_that_fails_is_undone_alone_and_pays_for_it_alone() {
    for mishap in [Mishap::Fails, Mishap::SwallowsAnError] {
        let mut came = group_of(3, 8, mishap, 4).await;

        came.runs.sort_unstable();
        assert_eq!(came.runs, [(0, 1), (1, 1), (1, 2), (2, 1)], "{mishap:?}");
        assert_eq!(came.committed.concat().len(), 3, "{mishap:?}");
        assert_eq!(came.committed[0], [0], "{mishap:?}");
        assert_eq!(came.left, 0, "{mishap:?}");
    }
}

/// The first member is run again by itself, which costs no attempt, and its work is committed once.
#[tokio::test]
async fn a_handler_that_ends_the_shared_transaction_acknowledges_nobody() {
    for mishap in [Mishap::Commits, Mishap::RollsBack, Mishap::LosesItsConnection] {
        let mut came = group_of(2, 8, mishap, 4).await;

        came.runs.sort_unstable();
        // A database that goes away costs no attempt.
        let again = if mishap == Mishap::LosesItsConnection { 1 } else { 2 };
        assert_eq!(came.runs, [(0, 1), (0, 1), (1, 1), (1, again)], "{mishap:?}");
        assert_eq!(came.committed, [[0], [1]], "{mishap:?}");
        assert_eq!(came.left, 0, "{mishap:?}");
    }
}

/// Who holds it now will handle it; the others are run again.
#[tokio::test]
async fn a_member_whose_lease_was_lost_commits_nothing() {
    let mut came = group_of(3, 8, Mishap::LosesItsLease, 6).await;

    came.runs.sort_unstable();
    assert_eq!(came.runs, [(0, 1), (0, 1), (1, 1), (1, 1), (2, 1), (2, 1)]);
    assert_eq!(came.committed, [[0], [2]]);
    assert_eq!(came.left, 1);
}

/// Two groups on two connections. In each the first member locks a row and is done, and the second wants the other's.
#[tokio::test]
async fn groups_that_wait_for_each_other_handle_each_delivery_once_and_no_attempt_is_lost() {
    #[derive(Clone)]
    struct Stage {
        /// The four first runs meet here in pairs: the lockers before they are done, the wanters before they want.
        locked: Arc<Barrier>,
        wanted: Arc<Barrier>,
        asking: Arc<Semaphore>,
        runs: Arc<Mutex<HashMap<usize, usize>>>,
        ran: mpsc::UnboundedSender<(usize, u32)>,
    }

    async fn add(Msg(turn): Msg<Turn>, State(stage): State<Stage>, mut tx: Tx, attempt: Attempt) -> Result {
        let number = turn.number;
        let first_run = {
            let mut runs = stage.runs.lock().unwrap();
            let runs = runs.entry(number).or_default();
            *runs += 1;
            *runs == 1
        };
        stage.asking.add_permits(1);
        let connection = tx.postgres().await?;
        let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *connection).await?;
        let locker = number < 2;
        if first_run && !locker {
            stage.wanted.wait().await;
        }
        // A member that follows the locker of one row, on its connection, wants the other row.
        let held = "SELECT row FROM held WHERE backend = $1";
        let held: Option<i64> = sqlx::query_scalar(held).bind(backend).fetch_optional(&mut *connection).await?;
        let row = if locker { number as i64 } else { 1 - held.unwrap_or(0) };
        sqlx::query("UPDATE sums SET sum = sum + 1 WHERE row = $1").bind(row).execute(&mut *connection).await?;
        if first_run && locker {
            let insert = "INSERT INTO held VALUES ($1, $2)";
            sqlx::query(insert).bind(backend).bind(row).execute(&mut *connection).await?;
            if stage.locked.wait().await.is_leader() {
                stage.asking.acquire_many(4).await.unwrap().forget();
                stage.asking.close();
            } else {
                let _ = stage.asking.acquire_many(100).await;
            }
        }
        stage.ran.send((number, attempt.number)).unwrap();
        Ok(())
    }

    let database = Database::create().await;
    database.run("CREATE TABLE sums (row BIGINT PRIMARY KEY, sum BIGINT NOT NULL)").await;
    database.run("INSERT INTO sums VALUES (0, 0), (1, 0)").await;
    database.run("CREATE TABLE held (backend INT NOT NULL, row BIGINT NOT NULL)").await;
    let engine: Postgres = database.options().transactions_max(2).share_commits(8).connect().await.unwrap();
    let (ran, mut running) = mpsc::unbounded_channel();
    let stage = Stage {
        locked: Arc::new(Barrier::new(2)),
        wanted: Arc::new(Barrier::new(2)),
        asking: Arc::new(Semaphore::new(0)),
        runs: Arc::default(),
        ran,
    };
    let runs = Arc::clone(&stage.runs);
    let module = Module::new("test", stage).consume("add", add);
    let worker = Worker::new(engine.clone()).module(module).ready().await.unwrap();
    let client = worker.client("test");
    let work = client.begin(&Tenant::default()).unwrap();
    (0..4).for_each(|number| work.bus.publish(Turn { number }));
    work.commit().await.unwrap();
    worker
        .run_until(async {
            for _ in 0..4 {
                let (_, attempt) = running.recv().await.unwrap();
                assert_eq!(attempt, 1, "no attempt was lost");
            }
        })
        .await;

    let sum: i64 = sqlx::query("SELECT sum(sum)::bigint FROM sums").fetch_one(engine.pool()).await.unwrap().get(0);
    assert_eq!(sum, 4, "each was counted once");
    assert!(runs.lock().unwrap().values().sum::<usize>() > 4, "somebody had to step back");
    assert_eq!(client.depth().await.unwrap(), []);
    engine.close().await;
    database.remove().await;
}

#[tokio::test]
async fn sharing_with_nobody_at_all_is_refused() {
    let database = Database::create().await;

    let refused = database.options().share_commits(0).connect().await.unwrap_err();

    assert_eq!(refused.code(), Code::LIMIT_INVALID);
    database.remove().await;
}
