//! P4: delays are honoured, and attempts, crashes and returns are told apart.

use std::time::Duration;

use super::{
    Stage, Subject,
    stage::{LEASE, MICROSECOND},
};
use crate::ports::Outcome;

pub async fn a_retry_waits_its_delay_to_the_microsecond<S: Subject>(stage: &mut Stage<S>) {
    stage.send("inbox", "work").await;
    let work = stage.claim_one("inbox").await;
    let delay = Duration::from_micros(1_234_567);
    assert!(stage.settle(work.lease, Outcome::Retry { delay, attempt: 1 }).await);

    stage.wind(delay - MICROSECOND).await;
    stage.assert_idle("inbox").await;
    stage.wind(MICROSECOND).await;

    let again = stage.claim_one("inbox").await;
    assert_eq!((again.envelope.attempt, again.envelope.crashes), (1, 0));
    assert_eq!(again.lease.id, work.lease.id);
    assert!(again.lease.epoch > work.lease.epoch);
}

pub async fn a_return_costs_no_attempt_and_no_crash<S: Subject>(stage: &mut Stage<S>) {
    stage.send("inbox", "work").await;
    for delay in [Duration::ZERO, Duration::from_micros(777), LEASE * 3] {
        let work = stage.claim_one("inbox").await;
        assert!(stage.settle(work.lease, Outcome::Return { delay }).await);
        if !delay.is_zero() {
            stage.wind(delay - MICROSECOND).await;
            stage.assert_idle("inbox").await;
            stage.wind(MICROSECOND).await;
        }
    }

    let work = stage.claim_one("inbox").await;
    assert_eq!((work.envelope.attempt, work.envelope.crashes, work.lost_leases), (0, 0, 0));
}

pub async fn attempts_and_crashes_are_counted_apart<S: Subject>(stage: &mut Stage<S>) {
    stage.send("inbox", "work").await;
    stage.claim_one("inbox").await;
    stage.wind(LEASE).await;

    stage.claim_one("inbox").await;
    stage.wind(LEASE).await;

    let crashed = stage.claim_one("inbox").await;
    assert_eq!((crashed.envelope.attempt, crashed.envelope.crashes), (0, 1));
    assert!(stage.settle(crashed.lease, Outcome::Retry { delay: Duration::ZERO, attempt: 2 }).await);

    let failed = stage.claim_one("inbox").await;
    assert_eq!((failed.envelope.attempt, failed.envelope.crashes), (2, 1));
    stage.wind(LEASE).await;
    stage.claim_one("inbox").await;
    stage.wind(LEASE).await;

    let crashed_again = stage.claim_one("inbox").await;
    assert_eq!((crashed_again.envelope.attempt, crashed_again.envelope.crashes), (2, 2));
    assert!(stage.settle(crashed_again.lease, Outcome::Return { delay: Duration::ZERO }).await);

    let returned = stage.claim_one("inbox").await;
    assert_eq!((returned.envelope.attempt, returned.envelope.crashes), (2, 2));
}

pub async fn a_retry_keeps_the_message_as_it_was<S: Subject>(stage: &mut Stage<S>) {
    let sent = stage.message("inbox", "work");
    stage.send_all(std::slice::from_ref(&sent)).await;
    let work = stage.claim_one("inbox").await;
    assert!(stage.settle(work.lease, Outcome::Retry { delay: Duration::ZERO, attempt: 1 }).await);

    let again = stage.claim_one("inbox").await;

    let mut expected = sent.envelope;
    expected.attempt = 1;
    assert_eq!((again.envelope, again.body), (expected, sent.body));
}

pub async fn retries_queue_behind_what_was_due_before_them<S: Subject>(stage: &mut Stage<S>) {
    stage.send("inbox", "failing").await;
    let failing = stage.claim_one("inbox").await;
    stage.wind(MICROSECOND).await;
    stage.send("inbox", "fresh").await;
    stage.wind(MICROSECOND).await;
    assert!(stage.settle(failing.lease, Outcome::Retry { delay: Duration::ZERO, attempt: 1 }).await);

    assert_eq!(stage.claim_names("inbox").await, ["fresh", "failing"]);
}
