//! P1: the handler's writes, what it sends and the settlement are one commit, or nothing.

use std::time::Duration;

use super::{Sabotage, Stage, Subject, stage::LEASE};
use crate::ports::Outcome;

pub async fn writes_sends_and_settlement_are_one_commit<S: Subject>(stage: &mut Stage<S>) {
    stage.send("inbox", "work").await;
    let work = stage.claim_one("inbox").await;

    let transaction = stage.open(&[("stock", "4"), ("stock", "3")]).await;
    let ours = transaction.settle(work.lease, &[stage.message("next", "reserved")]).await.unwrap();

    assert!(ours);
    assert_eq!(stage.read("stock").await.as_deref(), Some("3"));
    assert_eq!(stage.claim_names("next").await, ["reserved"]);
    stage.wind(LEASE * 2).await;
    stage.assert_idle("inbox").await;
}

pub async fn a_rollback_undoes_all_and_keeps_the_delivery<S: Subject>(stage: &mut Stage<S>) {
    stage.send("inbox", "work").await;
    let work = stage.claim_one("inbox").await;

    stage.open(&[("stock", "3")]).await.rollback().await.unwrap();

    assert_eq!(stage.read("stock").await, None);
    assert!(stage.settle(work.lease, Outcome::Retry { delay: Duration::ZERO, attempt: 1 }).await);
    assert_eq!(stage.claim_one("inbox").await.envelope.attempt, 1);
}

pub async fn a_dropped_transaction_leaves_nothing_behind<S: Subject>(stage: &mut Stage<S>) {
    stage.send("inbox", "work").await;
    let work = stage.claim_one("inbox").await;

    drop(stage.open(&[("stock", "3")]).await);

    let transaction = stage.open(&[("other", "1")]).await;
    assert!(transaction.settle(work.lease, &[]).await.unwrap(), "the delivery is still ours");
    assert_eq!((stage.read("stock").await, stage.read("other").await.as_deref()), (None, Some("1")));
}

pub async fn a_stale_epoch_commits_nothing<S: Subject>(stage: &mut Stage<S>) {
    stage.send("inbox", "work").await;
    let old = stage.claim_one("inbox").await;
    stage.wind(LEASE).await;
    let new = stage.claim_one("inbox").await;

    let transaction = stage.open(&[("stock", "3")]).await;
    let ours = transaction.settle(old.lease, &[stage.message("next", "reserved")]).await.unwrap();

    assert!(!ours);
    assert_eq!(stage.read("stock").await, None);
    stage.assert_idle("next").await;
    assert!(stage.settle(new.lease, Outcome::Done).await, "the new holder is not disturbed");
}

/// SQLite goes on after a swallowed error and PostgreSQL cannot; on either, all of it is committed or nothing.
pub async fn a_swallowed_database_error_never_acknowledges_half<S: Subject>(stage: &mut Stage<S>) {
    stage.send("inbox", "work").await;
    let work = stage.claim_one("inbox").await;
    let Some(transaction) = stage.open_with(&[("stock", "3")], Some(Sabotage::SwallowedError)).await else { return };

    let acknowledged = transaction.settle(work.lease, &[stage.message("next", "reserved")]).await.unwrap_or(false);

    let sent = stage.claim_names("next").await.len();
    let written = stage.read("stock").await;
    let retried = stage.settle(work.lease, Outcome::Retry { delay: Duration::ZERO, attempt: 1 }).await;
    match acknowledged {
        true => assert_eq!((written.as_deref(), sent, retried), (Some("3"), 1, false)),
        false => assert_eq!((written.as_deref(), sent, retried), (None, 0, true)),
    }
}

pub async fn a_rollback_behind_our_back_acknowledges_nothing<S: Subject>(stage: &mut Stage<S>) {
    ended_behind_our_back(stage, Sabotage::RawRollback).await;
}

/// What the handler committed by itself cannot be taken back; but it is noticed, and the delivery is tried again.
pub async fn a_commit_behind_our_back_acknowledges_nothing<S: Subject>(stage: &mut Stage<S>) {
    ended_behind_our_back(stage, Sabotage::RawCommit).await;
}

async fn ended_behind_our_back<S: Subject>(stage: &Stage<S>, how: Sabotage) {
    stage.send("inbox", "work").await;
    let work = stage.claim_one("inbox").await;
    let Some(transaction) = stage.open_with(&[("stock", "3")], Some(how)).await else { return };

    let answer = transaction.settle(work.lease, &[stage.message("next", "reserved")]).await;

    assert!(answer.is_err(), "{how:?} is an error, not {answer:?}");
    stage.assert_idle("next").await;
    let retry = Outcome::Retry { delay: Duration::ZERO, attempt: 1 };
    assert!(stage.settle(work.lease, retry).await, "the delivery is still ours to retry");
    let again = stage.claim_one("inbox").await;
    let transaction = stage.open(&[("stock", "2")]).await;
    assert!(transaction.settle(again.lease, &[]).await.unwrap(), "the connection is sound again");
    assert_eq!(stage.read("stock").await.as_deref(), Some("2"));
}

pub async fn a_unit_of_work_writes_and_sends_in_one_commit<S: Subject>(stage: &mut Stage<S>) {
    let transaction = stage.open(&[("order", "placed")]).await;
    transaction.commit(&[stage.message("next", "placed"), stage.message("mail", "placed")]).await.unwrap();
    assert_eq!(stage.read("order").await.as_deref(), Some("placed"));
    assert_eq!(stage.claim_names("next").await, ["placed"]);
    assert_eq!(stage.claim_names("mail").await, ["placed"]);

    let transaction = stage.open(&[("order", "undone")]).await;
    transaction.rollback().await.unwrap();
    assert_eq!(stage.read("order").await.as_deref(), Some("placed"));
}
