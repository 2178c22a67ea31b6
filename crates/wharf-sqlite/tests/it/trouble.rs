//! A full disk and a locked file: a clear error, and nothing lost.

use std::time::Duration;

use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use wharf::{
    Code,
    ports::{Claim, Outcome, Settlement, Transport},
};

use crate::app::{App, code, large};

#[tokio::test]
async fn a_full_disk_is_a_clear_error_and_loses_nothing() {
    const PAGES: u32 = 100;
    let app = App::with(|options| options.size_max_pages(PAGES)).await;
    app.say("first").await.unwrap();
    let first = app.claim().await.remove(0);
    let mut sent = 0;
    let refused = loop {
        match app.engine.send(&[large(&first, 40_000)]).await {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };

    assert_eq!(refused.code(), Code::DISK_FULL);
    assert!(refused.to_string().starts_with("W0022: could not send messages"), "{refused}");
    assert!(sent > 1);

    let waiting = app.claim().await;
    assert_eq!(waiting.len(), sent, "all that was accepted is there");
    let done = |lease| Settlement::new(lease, Outcome::Done);
    let done: Vec<_> = waiting.iter().map(|delivery| done(delivery.lease)).collect();
    assert!(app.engine.settle(&done).await.unwrap().iter().all(|ours| *ours));
    app.engine.send(&[large(&first, 40_000)]).await.unwrap();
}

#[tokio::test]
async fn a_locked_file_is_a_clear_error_and_the_work_goes_on_afterwards() {
    let app = App::with(|options| options.busy_timeout(Duration::from_millis(100))).await;
    let options = SqliteConnectOptions::new().filename(app.path());
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();

    let refused = app.say("now").await.unwrap_err();
    assert_eq!(refused.code(), Code::ENGINE_UNREACHABLE);
    assert!(refused.to_string().contains("database is locked"), "{refused}");
    assert_eq!(
        code(app.engine.claim(&Claim::new("listen", 1, Duration::from_secs(1))).await),
        Code::ENGINE_UNREACHABLE
    );

    lock.rollback().await.unwrap();
    other.close().await.unwrap();
    app.say("later").await.unwrap();
    assert_eq!(app.hear().await, ["later"]);
}
