//! P4: what a crash left behind is claimed alone, and only a crash while alone counts.

use std::{collections::BTreeSet, time::Duration};

use super::{Stage, Subject, stage::LEASE};
use crate::{
    Delivery,
    ports::{Claim, Outcome, Transport},
};

impl<S: Subject> Stage<S> {
    /// Claims these messages together and loses them.
    async fn lose(&self, names: &[&str]) {
        self.send_all(&names.iter().map(|name| self.message("inbox", name)).collect::<Vec<_>>()).await;
        let lost = self.claim_fresh(names.len()).await;
        assert_eq!(lost.len(), names.len());
        self.wind(LEASE).await;
    }

    /// Claims as a worker does that runs a survivor already.
    async fn claim_fresh(&self, max: usize) -> Vec<Delivery> {
        let claim = Claim::new("inbox", max, LEASE).without_survivors();
        let claimed = self.engine().claim(&claim).await.unwrap().deliveries;
        assert!(claimed.iter().all(|delivery| !delivery.is_survivor), "no survivor was wanted: {claimed:?}");
        claimed
    }
}

fn name(delivery: &Delivery) -> &str {
    &delivery.envelope.name
}

pub async fn a_survivor_comes_alone<S: Subject>(stage: &mut Stage<S>) {
    stage.lose(&["a", "b"]).await;
    stage.send_all(&["fresh", "fresh too"].map(|name| stage.message("inbox", name))).await;

    let mut survivors = BTreeSet::new();
    for _ in 0..2 {
        let survivor = stage.claim_one("inbox").await;
        assert!(survivor.is_survivor);
        assert_eq!((survivor.lost_leases, survivor.envelope.crashes), (1, 0));
        survivors.insert(name(&survivor).to_owned());
    }
    assert_eq!(survivors, BTreeSet::from(["a", "b"].map(str::to_owned)));
    let fresh = stage.claim("inbox", 10).await;

    assert_eq!(fresh.iter().map(name).collect::<Vec<_>>(), ["fresh", "fresh too"]);
    assert!(fresh.iter().all(|delivery| !delivery.is_survivor && delivery.lost_leases == 0));
}

pub async fn only_a_loss_while_alone_is_a_crash<S: Subject>(stage: &mut Stage<S>) {
    stage.lose(&["work", "neighbour"]).await;
    let counts = async || loop {
        let survivor = stage.claim_one("inbox").await;
        assert!(survivor.is_survivor);
        if name(&survivor) == "work" {
            return (survivor.lease, survivor.lost_leases, survivor.envelope.crashes);
        }
        assert!(stage.settle(survivor.lease, Outcome::Done).await);
    };

    let (_, lost, crashes) = counts().await;
    assert_eq!((lost, crashes), (1, 0), "its neighbour may have been to blame");
    stage.wind(LEASE).await;
    let (_, lost, crashes) = counts().await;
    assert_eq!((lost, crashes), (2, 1));
    stage.wind(LEASE).await;
    let (lease, lost, crashes) = counts().await;
    assert_eq!((lost, crashes), (3, 2));

    // What ended with a word kills nobody, and is fresh again.
    assert!(stage.settle(lease, Outcome::Retry { delay: Duration::ZERO, attempt: 1 }).await);
    let fresh = stage.claim_fresh(10).await.remove(0);
    assert_eq!((fresh.is_survivor, fresh.lost_leases, fresh.envelope.crashes), (false, 3, 2));
    stage.wind(LEASE).await;
    let (lease, lost, crashes) = counts().await;
    assert_eq!((lost, crashes), (4, 2), "it was not lost alone this time");
    assert!(stage.settle(lease, Outcome::Return { delay: Duration::ZERO }).await);
    assert!(!stage.claim_one("inbox").await.is_survivor);
}

pub async fn w10_a_page_that_none_may_take_hides_nothing_behind_it<S: Subject>(stage: &mut Stage<S>) {
    let names: Vec<_> = (0..30).map(|n| format!("lost {n}")).collect();
    stage.lose(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    stage.send_all(&["held"; 30].map(|name| stage.message("inbox", name))).await;
    assert_eq!(stage.claim_fresh(30).await.len(), 30);
    stage.send_all(&["one", "two", "three"].map(|name| stage.message("inbox", name))).await;

    let claimed = stage.claim_fresh(2).await;
    assert_eq!(claimed.iter().map(name).collect::<Vec<_>>(), ["one", "two"]);
    let claimed = stage.claim_fresh(2).await;
    assert_eq!(claimed.iter().map(name).collect::<Vec<_>>(), ["three"]);
}

pub async fn survivors_and_fresh_ones_do_not_starve_each_other<S: Subject>(stage: &mut Stage<S>) {
    const SURVIVORS: usize = 6;
    let names = ["s0", "s1", "s2", "s3", "s4", "s5"];
    stage.lose(&names).await;
    let mut survivors = BTreeSet::new();
    let mut fresh = Vec::new();

    // As workers claim: with the permit, then without while the survivor runs. More arrives than is taken.
    for round in 0..SURVIVORS {
        let arriving: Vec<_> = (0..5).map(|n| stage.message("inbox", &format!("f{}", round * 5 + n))).collect();
        stage.send_all(&arriving).await;
        let mut claims = 0;
        let survivor = loop {
            let claimed = stage.claim("inbox", 2).await;
            match claimed.as_slice() {
                [one] if one.is_survivor => break one.clone(),
                any => assert!(any.iter().all(|one| !one.is_survivor), "a survivor comes alone: {any:?}"),
            }
            fresh.extend(claimed.iter().map(name).map(str::to_owned));
            claims += 1;
            assert!(claims < 40, "the survivors starve");
        };
        let beside = stage.claim_fresh(2).await;
        fresh.extend(beside.iter().map(name).map(str::to_owned));
        survivors.insert(name(&survivor).to_owned());
        assert!(stage.settle(survivor.lease, Outcome::Done).await);
    }

    assert_eq!(survivors.len(), SURVIVORS);
    assert!(fresh.len() >= SURVIVORS * 2, "the fresh ones starve: {fresh:?}");
    let sent: Vec<_> = (0..fresh.len()).map(|n| format!("f{n}")).collect();
    assert_eq!(fresh, sent, "in the order they were sent");
}

/// Told as processes would live it: each claims a survivor and a batch beside it, and dies with all it holds if the
/// poison is among it.
pub async fn w25_a_poison_message_takes_no_neighbour_with_it<S: Subject>(stage: &mut Stage<S>) {
    const NEIGHBOURS: usize = 20;
    let mut batch: Vec<_> = (0..NEIGHBOURS).map(|n| stage.message("inbox", &format!("n{n}"))).collect();
    batch.insert(NEIGHBOURS / 2, stage.message("inbox", "poison"));
    stage.send_all(&batch).await;
    let mut handled = BTreeSet::new();
    let mut crashes = 0;

    while handled.len() < batch.len() {
        let mut held = stage.claim("inbox", 8).await;
        held.extend(stage.claim_fresh(8).await);
        for delivery in &held {
            match name(delivery) {
                "poison" => crashes = crashes.max(delivery.envelope.crashes),
                neighbour => assert_eq!(delivery.envelope.crashes, 0, "{neighbour} is blamed"),
            }
        }
        let poison = held.iter().find(|delivery| name(delivery) == "poison");
        if poison.is_some_and(|poison| poison.envelope.crashes < 3) {
            stage.wind(LEASE).await;
            continue;
        }
        // Without the poison, or with one that is given up unrun.
        for delivery in held {
            assert!(stage.settle(delivery.lease, Outcome::Done).await);
            handled.insert(name(&delivery).to_owned());
        }
    }
    assert_eq!(crashes, 3);
    stage.wind(LEASE).await;
    stage.assert_idle("inbox").await;
}
