//! Neighbours in a shared commit: many are one, and none hurts another.

use sqlx::Connection;
use wharf::{
    Code, Error,
    ports::{Claim, Lease, Store, Transport},
};
use wharf_sqlite::SqliteTx;

use crate::app::{App, FOR_EVER, code, note};

/// An application whose commits wait for all who stand in line.
async fn app() -> App {
    App::with(|options| options.share_commits(32, FOR_EVER)).await
}

fn all_are_done<const N: usize>(members: [Result<(), Error>; N]) {
    members.into_iter().for_each(|member| member.unwrap());
}

#[tokio::test]
async fn all_that_wait_in_line_share_one_commit() {
    let app = app().await;
    let mut first = app.begin();
    note(&mut first.tx, "first").await.unwrap();
    let before = app.engine.commits();

    // The others are polled first, and stand in line when the first gives its turn back.
    let claim = Claim::new("listen", 2, FOR_EVER);
    let (a, b, c, claimed, first) =
        tokio::join!(app.say("a"), app.say("b"), app.say("c"), app.engine.claim(&claim), first.commit());

    all_are_done([a, b, c, first]);
    assert_eq!(claimed.unwrap().deliveries.len(), 2, "a member sees what those before it did");
    assert_eq!(app.engine.commits() - before, 1);
    assert_eq!(app.hear().await, ["c"]);
}

#[tokio::test]
async fn a_shared_commit_has_so_many_members_and_no_more() {
    let app = App::with(|options| options.share_commits(2, FOR_EVER)).await;
    let mut first = app.begin();
    note(&mut first.tx, "first").await.unwrap();
    let before = app.engine.commits();

    let (a, b, c, d, first) = tokio::join!(app.say("a"), app.say("b"), app.say("c"), app.say("d"), first.commit());

    all_are_done([a, b, c, d, first]);
    assert_eq!(app.engine.commits() - before, 3);
}

#[tokio::test]
async fn a_look_that_finds_nothing_is_no_commit() {
    let app = app().await;
    let before = app.engine.commits();
    assert_eq!(app.hear().await, [""; 0]);
    app.engine.ping().await.unwrap();
    assert_eq!(app.engine.fire_timers(10).await.unwrap().fired, 0);
    assert_eq!(app.engine.commits(), before);
}

#[tokio::test]
async fn members_that_fail_or_vanish_leave_their_neighbours_alone() {
    let app = app().await;
    let mut first = app.begin();
    note(&mut first.tx, "first").await.unwrap();
    let before = app.engine.commits();
    let rolled_back = async {
        let mut work = app.begin();
        note(&mut work.tx, "rolled back").await.unwrap();
        work.rollback().await.unwrap();
    };
    let dropped = async {
        let mut work = app.begin();
        note(&mut work.tx, "dropped").await.unwrap();
    };
    let stale = async {
        let transaction = app.engine.begin().await.unwrap();
        transaction.settle(Lease { id: 1, epoch: 99 }, &[]).await
    };
    let refused = async {
        let mut work = app.begin();
        note(&mut work.tx, "twice").await.unwrap();
        note(&mut work.tx, "twice").await.unwrap_err();
        note(&mut work.tx, "after").await.unwrap();
        work.commit().await
    };

    let (a, (), b, (), c, stale, refused, d, first) = tokio::join!(
        app.say("a"),
        rolled_back,
        app.say("b"),
        dropped,
        app.say("c"),
        stale,
        refused,
        app.say("d"),
        first.commit()
    );

    all_are_done([a, b, c, d, refused, first]);
    assert!(!stale.unwrap());
    assert_eq!(app.engine.commits() - before, 1);
    assert_eq!(app.hear().await, ["a", "b", "c", "d"]);
    assert_eq!(app.notes().await, ["after", "first", "twice"], "an ignored error leaves the rest of its transaction");
}

/// What a handler might do to the transaction it shares; each ends it.
const SABOTAGES: [&str; 4] =
    ["INSERT OR ROLLBACK INTO notes VALUES ('first', '')", "ROLLBACK", "COMMIT", "ROLLBACK; BEGIN IMMEDIATE"];

#[tokio::test]
async fn a_transaction_that_a_handler_ended_counts_for_nobody() {
    for sabotage in SABOTAGES {
        let app = app().await;
        let mut first = app.begin();
        note(&mut first.tx, "first").await.unwrap();
        let saboteur = async {
            let mut work = app.begin();
            note(&mut work.tx, "before").await.unwrap();
            let _ = sqlx::raw_sql(sabotage).execute(work.tx.sqlite().await.unwrap()).await;
            // On its own, this would now be committed as it stands.
            let _ = note(&mut work.tx, "after").await;
            work.commit().await
        };

        let (a, saboteur, first) = tokio::join!(app.say("a"), saboteur, first.commit());

        for lost in [a, saboteur, first] {
            assert_eq!(code(lost), Code::TRANSACTION_LOST, "{sabotage}");
        }
        assert_eq!(app.notes().await, [""; 0], "{sabotage}");
        app.say("the engine goes on").await.unwrap();
        assert_eq!(app.hear().await, ["the engine goes on"], "{sabotage}");
    }
}

#[tokio::test]
async fn a_begin_within_a_transaction_is_a_savepoint() {
    let app = app().await;
    let mut work = app.begin();
    note(&mut work.tx, "outer").await.unwrap();
    let mut inner = work.tx.sqlite().await.unwrap().begin().await.unwrap();
    sqlx::query("INSERT INTO notes VALUES ('kept', '')").execute(&mut *inner).await.unwrap();
    inner.commit().await.unwrap();
    let mut inner = work.tx.sqlite().await.unwrap().begin().await.unwrap();
    sqlx::query("INSERT INTO notes VALUES ('undone', '')").execute(&mut *inner).await.unwrap();
    drop(inner);
    assert_eq!(app.notes().await, [""; 0], "nobody sees it before the commit");

    work.commit().await.unwrap();

    assert_eq!(app.notes().await, ["kept", "outer"]);
}

#[tokio::test]
async fn a_transaction_left_open_within_ours_is_noticed() {
    let app = app().await;
    let mut work = app.begin();
    std::mem::forget(work.tx.sqlite().await.unwrap().begin().await.unwrap());
    note(&mut work.tx, "within").await.unwrap();

    assert_eq!(code(work.commit().await), Code::TRANSACTION_LOST);

    assert_eq!(app.notes().await, [""; 0]);
    app.say("the engine goes on").await.unwrap();
}

#[tokio::test]
async fn who_stops_waiting_for_a_commit_does_not_cut_it_short() {
    let app = app().await;
    let mut work = app.begin();
    note(&mut work.tx, "done").await.unwrap();
    work.bus.publish(crate::app::said("done"));
    // Polled once: the turn is given back, and the answer not waited for.
    tokio::select! {
        biased;
        _ = work.commit() => unreachable!("the commit needs the writer, which has not run yet"),
        () = std::future::ready(()) => {}
    }

    assert_eq!(app.hear().await, ["done"]);
    assert_eq!(app.notes().await, ["done"]);
}
