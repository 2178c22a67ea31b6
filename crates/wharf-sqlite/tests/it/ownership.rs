//! One owner for each file, and what an owner finds.

use std::{fs::File, time::Duration};

use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use wharf::{
    Code, Delivery,
    ports::{Claim, Outcome, Settlement, Transport},
    testing::ManualClock,
};
use wharf_sqlite::{Migrations, Sqlite};

use crate::app::{App, code};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_second_owner_is_refused_until_the_first_has_closed() {
    let app = App::start().await;

    let refused = Sqlite::open(app.path()).await.unwrap_err();
    assert_eq!(refused.code(), Code::ALREADY_OWNED);
    assert!(refused.to_string().contains("app.db` (it holds"), "{refused}");

    app.engine.close().await;
    Sqlite::open(app.path()).await.unwrap().close().await;
}

/// As one is let go that a child had for the moment before it began its own program.
#[tokio::test]
async fn a_lock_that_is_let_go_in_a_moment_is_waited_for() {
    let app = App::start().await;
    app.engine.close().await;
    let mut lock = app.path().into_os_string();
    lock.push(".lock");
    let lock = File::options().write(true).open(lock).unwrap();
    lock.lock().unwrap();
    let (opened, ()) = tokio::join!(Sqlite::open(app.path()), async { drop(lock) });
    opened.unwrap().close().await;
}

#[tokio::test]
async fn a_new_owner_takes_over_at_once_what_survived() {
    let app = App::start().await;
    app.say("under way").await.unwrap();
    app.say("waiting").await.unwrap();
    let held = app.engine.claim(&Claim::new("listen", 1, crate::app::LEASE)).await.unwrap().deliveries.remove(0);

    let app = app.reopen().await;

    let late = Settlement::new(held.lease, Outcome::Done);
    assert_eq!(app.engine.settle(&[late]).await.unwrap(), [false], "the lease of the dead is over");
    let told = |found: &[Delivery]| found.iter().map(|one| (one.lease.id, one.is_survivor)).collect::<Vec<_>>();
    let (survivor, other) = (app.claim().await, app.claim().await);
    assert_eq!(told(&survivor), [(held.lease.id, true)]);
    assert!(matches!(told(&other).as_slice(), [(id, false)] if *id != held.lease.id), "{other:?}");
}

/// On SQLite leases and delays are told by the process's own clock, which somebody may set right between two runs.
#[tokio::test]
async fn w28_a_clock_that_was_set_back_an_hour_loses_and_doubles_nothing() {
    let app = App::start().await;
    app.clock.wind(HOUR);
    app.say("under way").await.unwrap();
    app.say("waiting").await.unwrap();
    let held = app.engine.claim(&Claim::new("listen", 1, crate::app::LEASE)).await.unwrap().deliveries.remove(0);

    let app = app.reopen_at(ManualClock::new()).await;

    let done = |lease| [Settlement::new(lease, Outcome::Done)];
    assert_eq!(app.engine.settle(&done(held.lease)).await.unwrap(), [false], "the lease of the dead is over");
    let survivor = app.claim().await;
    assert_eq!(survivor.iter().map(|one| one.lease.id).collect::<Vec<_>>(), [held.lease.id], "taken over at once");
    assert_eq!(app.engine.settle(&done(survivor[0].lease)).await.unwrap(), [true]);
    assert_eq!(app.hear().await, [""; 0], "the other is late by what the clock was wrong");
    app.clock.wind(HOUR);
    assert_eq!(app.hear().await, ["waiting"]);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_untouched() {
    let app = App::start().await;
    app.say("hello").await.unwrap();
    app.claim().await;
    app.engine.close().await;
    let path = app.path();
    let options = SqliteConnectOptions::new().filename(&path);
    let mut newer = SqliteConnection::connect_with(&options).await.unwrap();
    let record = "INSERT INTO wharf_migrations (version, description, success, checksum, execution_time)
                  VALUES (99, 'from the future', 1, x'', 0)";
    sqlx::query(record).execute(&mut newer).await.unwrap();
    newer.close().await.unwrap();
    let before = std::fs::read(&path).unwrap();

    let refused = Sqlite::open(&path).await.unwrap_err();

    assert_eq!(refused.code(), Code::SCHEMA_NEWER);
    assert_eq!(refused.to_string(), "W0020: `wharf_migrations` is at version 99; this program knows 5 at most");
    assert!(std::fs::read(&path).unwrap() == before, "the file was changed");
}

#[tokio::test]
async fn an_applications_newer_or_edited_migrations_are_refused_too() {
    let app = App::start().await;
    let older = Migrations::of("app", &[]);

    assert_eq!(code(app.engine.migrate(older).await), Code::SCHEMA_NEWER);
    const EDITED: Migrations = Migrations::of("app", &[("notes", "CREATE TABLE notes (key TEXT) STRICT")]);
    let edited = app.engine.migrate(EDITED).await.unwrap_err();
    assert_eq!(edited.to_string(), "W0018: step 1 of `app_migrations` was edited after it had run");
    app.say("still here").await.unwrap();
}

#[tokio::test]
async fn others_may_read_beside_the_owner_but_not_write() {
    let app = App::start().await;
    app.say("hello").await.unwrap();

    let reader = Sqlite::read_only(app.path()).await.unwrap();
    let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM wharf_deliveries").fetch_one(&reader).await.unwrap();
    assert_eq!(waiting, 1);
    sqlx::query("DELETE FROM wharf_deliveries").execute(&reader).await.unwrap_err();
    reader.close().await;
}

#[tokio::test]
async fn a_closed_engine_refuses_and_leaves_a_file_that_can_be_removed() {
    let app = App::start().await;
    app.say("hello").await.unwrap();
    assert_eq!(app.notes().await, [""; 0]);
    app.engine.close().await;

    assert_eq!(code(app.say("too late").await), Code::ENGINE_UNREACHABLE);
    for file in std::fs::read_dir(app.path().parent().unwrap()).unwrap() {
        let name = file.unwrap().file_name();
        assert!(name == "app.db" || name == "app.db.lock", "{name:?} was left behind");
    }
}
