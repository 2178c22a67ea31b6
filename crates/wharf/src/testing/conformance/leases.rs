//! P6: what is claimed has one holder; finishing succeeds only under the holder's epoch.

use super::{
    Stage, Subject,
    stage::{LEASE, MICROSECOND},
};
use crate::{
    Code,
    ports::{Outcome, Transport},
};

pub async fn what_is_held_is_nobody_elses_until_the_lease_ends<S: Subject>(stage: &mut Stage<S>) {
    stage.send("inbox", "work").await;
    stage.claim_one("inbox").await;

    stage.assert_idle("inbox").await;
    stage.wind(LEASE - MICROSECOND).await;
    stage.assert_idle("inbox").await;
    stage.wind(MICROSECOND).await;
    stage.claim_one("inbox").await;
}

pub async fn a_lease_that_ran_out_passes_to_the_next_with_a_higher_epoch<S: Subject>(stage: &mut Stage<S>) {
    stage.send("inbox", "work").await;
    let first = stage.claim_one("inbox").await;
    stage.wind(LEASE).await;
    let second = stage.claim_one("inbox").await;

    assert_eq!(second.lease.id, first.lease.id);
    assert!(second.lease.epoch > first.lease.epoch);
    assert_eq!((first.lost_leases, second.lost_leases), (0, 1));
}

pub async fn the_old_holder_can_no_longer_settle<S: Subject>(stage: &mut Stage<S>) {
    stage.send("inbox", "work").await;
    let old = stage.claim_one("inbox").await;
    stage.wind(LEASE).await;
    let new = stage.claim_one("inbox").await;

    assert!(!stage.settle(old.lease, Outcome::Done).await);
    assert!(!stage.open(&[]).await.settle(old.lease, &[]).await.unwrap());
    assert!(stage.open(&[]).await.settle(new.lease, &[]).await.unwrap());
    stage.wind(LEASE * 2).await;
    stage.assert_idle("inbox").await;
}

/// A holder so slow that it was taken for dead: what the next holder says of the work counts, and nothing else.
pub async fn w05_a_holder_that_was_taken_for_dead_cannot_finish_too<S: Subject>(stage: &mut Stage<S>) {
    stage.send("inbox", "work").await;
    let slow = stage.claim_one("inbox").await;
    stage.wind(LEASE).await;
    let next = stage.claim_one("inbox").await;
    let finish = async |lease| {
        let transaction = stage.open(&[("work", "finished")]).await;
        transaction.settle(lease, &[stage.message("elsewhere", "what follows")]).await.unwrap()
    };

    assert!(!finish(slow.lease).await, "it is another's now");
    let failed = Outcome::DeadLetter { code: Code::HANDLER_FAILED, reason: "it failed".to_owned(), attempt: 1 };
    assert!(stage.settle(next.lease, failed).await);
    assert!(!finish(slow.lease).await, "it has failed");
    assert!(!stage.settle(slow.lease, Outcome::Done).await);
    assert_eq!((stage.read("work").await, stage.dead_letters().await.len()), (None, 1), "failed, and not finished");
    stage.assert_idle("elsewhere").await;

    // The other way round: nobody has taken it over yet, so the slow one finishes, and it cannot fail any more.
    stage.send("inbox", "work").await;
    let slow = stage.claim_one("inbox").await;
    stage.wind(LEASE).await;
    assert!(finish(slow.lease).await);
    stage.assert_idle("inbox").await;
    assert_eq!(stage.read("work").await.as_deref(), Some("finished"));
    assert_eq!((stage.claim_names("elsewhere").await.len(), stage.dead_letters().await.len()), (1, 1));
}

pub async fn a_renewal_extends_the_lease_to_the_microsecond<S: Subject>(stage: &mut Stage<S>) {
    stage.send("inbox", "work").await;
    let work = stage.claim_one("inbox").await;
    stage.wind(LEASE / 3).await;
    assert_eq!(stage.engine().renew(&[work.lease], LEASE).await.unwrap(), []);

    stage.wind(LEASE - MICROSECOND).await;
    stage.assert_idle("inbox").await;
    assert_eq!(stage.engine().renew(&[work.lease], LEASE).await.unwrap(), [], "renewed again, just in time");
    stage.wind(LEASE - MICROSECOND).await;
    assert!(stage.settle(work.lease, Outcome::Done).await, "a renewed lease keeps its epoch");
}

pub async fn a_renewal_reports_what_is_no_longer_ours<S: Subject>(stage: &mut Stage<S>) {
    stage.send("inbox", "lost").await;
    let lost = stage.claim_one("inbox").await.lease;
    stage.send_all(&["done", "returned", "ours"].map(|name| stage.message("inbox", name))).await;
    stage.wind(LEASE).await;
    let mut held = stage.claim("inbox", 10).await;
    held.extend(stage.claim("inbox", 10).await);
    let lease_of = |name: &str| held.iter().find(|delivery| &*delivery.envelope.name == name).unwrap().lease;
    let (done, returned, ours) = (lease_of("done"), lease_of("returned"), lease_of("ours"));
    assert!(lease_of("lost").epoch > lost.epoch, "another took it over");
    assert!(stage.settle(done, Outcome::Done).await);
    assert!(stage.settle(returned, Outcome::Return { delay: LEASE }).await);

    let mut reported = stage.engine().renew(&[lost, ours, done, returned], LEASE * 2).await.unwrap();

    reported.sort_by_key(|lease| [lost, done, returned].iter().position(|one| one == lease));
    assert_eq!(reported, [lost, done, returned]);
    stage.wind(LEASE).await;
    let mut due = stage.claim_names("inbox").await;
    due.extend(stage.claim_names("inbox").await);
    due.sort_unstable();
    assert_eq!(due, ["lost", "returned"], "ours was renewed, and what was not ours was left alone");
    stage.assert_idle("inbox").await;
}
