//! P1, P6: a delivery ends once, for its holder, and only what ended sends.

use std::time::Duration;

use super::{Stage, Subject, stage::LEASE};
use crate::{
    Code,
    ports::{Claim, Outcome, Settlement, Transport},
};

/// Every way a delivery can end, with a delay long enough that it does not come back.
fn outcomes() -> [Outcome; 4] {
    let delay = Duration::from_secs(3600);
    [
        Outcome::Done,
        Outcome::Retry { delay, attempt: 1 },
        Outcome::Return { delay },
        Outcome::DeadLetter { code: Code::PERMANENT, reason: "no".to_owned(), attempt: 1 },
    ]
}

pub async fn a_delivery_is_settled_exactly_once<S: Subject>(stage: &mut Stage<S>) {
    for first in outcomes() {
        stage.send("inbox", "work").await;
        let work = stage.claim_one("inbox").await;
        assert!(stage.settle(work.lease, first.clone()).await);

        for second in outcomes() {
            assert!(!stage.settle(work.lease, second.clone()).await, "{second:?} after {first:?}");
        }
    }
    assert_eq!(stage.dead_letters().await.len(), 1);
}

pub async fn what_was_settled_is_not_settled_again_by_a_transaction<S: Subject>(stage: &mut Stage<S>) {
    for first in outcomes() {
        stage.send("inbox", "work").await;
        let work = stage.claim_one("inbox").await;
        assert!(stage.settle(work.lease, first.clone()).await);

        let transaction = stage.open(&[("stock", "3")]).await;
        let ours = transaction.settle(work.lease, &[stage.message("next", "reserved")]).await.unwrap();

        assert!(!ours, "after {first:?}");
        assert_eq!(stage.read("stock").await, None);
        stage.assert_idle("next").await;
    }
}

pub async fn a_batch_says_of_each_delivery_whether_it_was_ours<S: Subject>(stage: &mut Stage<S>) {
    stage.send("inbox", "taken over").await;
    let taken_over = stage.claim_one("inbox").await;
    stage.wind(LEASE).await;
    stage.claim_one("inbox").await;
    let names = ["done", "retried", "returned", "dead", "done too"];
    stage.send_all(&names.map(|name| stage.message("inbox", name))).await;
    let claimed = stage.claim("inbox", 10).await;
    let lease = |n: usize| claimed[n].lease;
    let [done, retried, returned, dead] = outcomes();

    let batch = [
        (taken_over.lease, done.clone()),
        (lease(0), done.clone()),
        (lease(1), retried),
        (lease(2), returned),
        (taken_over.lease, Outcome::Return { delay: Duration::ZERO }),
        (lease(3), dead),
        (lease(4), done),
    ]
    .map(|(lease, outcome)| Settlement::new(lease, outcome));
    let ours = stage.engine().settle(&batch).await.unwrap();

    assert_eq!(ours, [false, true, true, true, false, true, true]);
    assert_eq!(stage.dead_letters().await.len(), 1);
    stage.wind(Duration::from_secs(3600)).await;
    let mut left = stage.claim_names("inbox").await;
    left.extend(stage.claim_names("inbox").await);
    left.sort_unstable();
    assert_eq!(left, ["retried", "returned", "taken over"]);
}

pub async fn only_what_was_still_ours_sends<S: Subject>(stage: &mut Stage<S>) {
    stage.send_all(&["a", "b"].map(|name| stage.message("inbox", name))).await;
    let old = stage.claim("inbox", 10).await;
    stage.wind(LEASE).await;
    let new = stage.claim("inbox", 1).await;
    let settle = |lease, replies: &[&str]| {
        let outgoing = replies.iter().map(|name| stage.message("next", name)).collect();
        Settlement::new(lease, Outcome::Done).sending(outgoing)
    };
    let lost = old.iter().find(|delivery| delivery.lease.id == new[0].lease.id).unwrap();
    let batch = [settle(lost.lease, &["of the lost"]), settle(new[0].lease, &["one", "two", "three"])];
    assert_eq!(stage.engine().settle(&batch).await.unwrap(), [false, true]);

    assert_eq!(stage.claim_names("next").await, ["one", "two", "three"]);
}

pub async fn an_empty_batch_is_nothing<S: Subject>(stage: &mut Stage<S>) {
    let engine = stage.engine();
    assert_eq!(engine.settle(&[]).await.unwrap(), [false; 0]);
    assert_eq!(engine.renew(&[], LEASE).await.unwrap(), []);
    engine.send(&[]).await.unwrap();
    assert!(engine.claim(&Claim::new("inbox", 10, LEASE)).await.unwrap().deliveries.is_empty());
}
