//! What is urgent comes first, and what has expired is no longer handled.

use std::time::Duration;

use super::{Stage, Subject, stage::MICROSECOND};
use crate::{
    Code, DeadLetterFilter, Priority,
    ports::{Claim, Outcome, Store, Transport},
};

const SECOND: Duration = Duration::from_secs(1);

pub async fn a_higher_priority_is_claimed_first<S: Subject>(stage: &mut Stage<S>) {
    let of = |name: &str, priority| {
        let mut message = stage.message("inbox", name);
        message.envelope.priority = priority;
        message
    };
    let batch = [
        of("low", Priority::Low),
        of("normal", Priority::Normal),
        of("high, later", Priority::High).after(SECOND * 2),
        of("high", Priority::High),
        of("low too", Priority::Low),
        of("normal too", Priority::Normal),
    ];
    stage.send_all(&batch).await;
    stage.wind(SECOND).await;
    stage.send_all(&[of("high, newest", Priority::High)]).await;

    let names = async |max| {
        let claimed = stage.claim("inbox", max).await;
        claimed.iter().map(|delivery| delivery.envelope.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(3).await, ["high", "high, newest", "normal"]);
    assert_eq!(names(2).await, ["normal too", "low"]);
    let claim = Claim::new("inbox", 10, SECOND * 60);
    let claimed = stage.engine().claim(&claim).await.unwrap();
    assert_eq!(claimed.deliveries[0].envelope.priority, Priority::Low);
    assert_eq!(claimed.next_due, Some(stage.now() + SECOND));
    stage.wind(SECOND).await;
    assert_eq!(names(10).await, ["high, later"]);
}

pub async fn a_priority_outlives_retries_and_redrives<S: Subject>(stage: &mut Stage<S>) {
    let mut urgent = stage.message("inbox", "urgent");
    urgent.envelope.priority = Priority::High;
    stage.send_all(&[urgent]).await;
    let work = stage.claim_one("inbox").await;
    assert!(stage.settle(work.lease, Outcome::Retry { delay: Duration::ZERO, attempt: 1 }).await);
    let work = stage.claim_one("inbox").await;
    assert_eq!(work.envelope.priority, Priority::High);
    let dead = Outcome::DeadLetter { code: Code::PERMANENT, reason: "no".to_owned(), attempt: 1 };
    assert!(stage.settle(work.lease, dead).await);
    assert_eq!(stage.dead_letters().await[0].envelope.priority, Priority::High);
    stage.send("inbox", "older").await;
    stage.engine().redrive(&DeadLetterFilter::default()).await.unwrap();
    assert_eq!(stage.claim_names("inbox").await, ["urgent", "older"]);
}

pub async fn what_has_expired_says_so_and_a_redrive_forgives_it<S: Subject>(stage: &mut Stage<S>) {
    let mut offer = stage.message("inbox", "offer");
    offer.expires_in = Some(SECOND);
    let expires_at = stage.now() + SECOND;
    stage.send_all(&[offer]).await;
    stage.wind(SECOND - MICROSECOND).await;
    let work = stage.claim_one("inbox").await;
    assert_eq!((work.is_expired, work.envelope.expires_at), (false, Some(expires_at)));
    assert!(stage.settle(work.lease, Outcome::Retry { delay: MICROSECOND, attempt: 1 }).await);

    stage.wind(MICROSECOND).await;
    let work = stage.claim_one("inbox").await;
    assert!(work.is_expired);
    let dead = Outcome::DeadLetter { code: Code::EXPIRED, reason: "too late".to_owned(), attempt: 1 };
    assert!(stage.settle(work.lease, dead).await);
    assert_eq!(stage.dead_letters().await[0].envelope.expires_at, Some(expires_at));

    stage.engine().redrive(&DeadLetterFilter::default()).await.unwrap();
    let redriven = stage.claim_one("inbox").await;
    assert_eq!((redriven.is_expired, redriven.envelope.expires_at), (false, None));
}

/// As when it was carried on from elsewhere.
pub async fn an_expiry_that_came_with_the_envelope_is_kept<S: Subject>(stage: &mut Stage<S>) {
    let mut offer = stage.message("inbox", "offer");
    offer.envelope.expires_at = Some(stage.now() + SECOND);
    let transaction = stage.open(&[]).await;
    transaction.commit(&[offer.clone()]).await.unwrap();
    let work = stage.claim_one("inbox").await;
    assert_eq!((work.is_expired, work.envelope), (false, offer.envelope));
}

pub async fn what_is_unknown_is_so_from_when_that_was_first_said<S: Subject>(stage: &mut Stage<S>) {
    stage.send_all(&[stage.message("inbox", "new").after(SECOND * 1_000)]).await;
    stage.wind(SECOND * 2_000).await;
    for unknown_for in [None, Some(SECOND), Some(SECOND * 2)] {
        let work = stage.claim_one("inbox").await;
        assert_eq!(work.unknown_for, unknown_for, "neither a delay nor a long wait counts");
        assert!(stage.settle(work.lease, Outcome::Unknown { delay: SECOND }).await);
        stage.assert_idle("inbox").await;
        stage.wind(SECOND).await;
    }
    let work = stage.claim_one("inbox").await;
    assert_eq!((work.envelope.attempt, work.envelope.crashes, work.lost_leases), (0, 0, 0));
    let dead = Outcome::DeadLetter { code: Code::MESSAGE_UNKNOWN, reason: "who?".to_owned(), attempt: 0 };
    assert!(stage.settle(work.lease, dead).await);
    stage.engine().redrive(&DeadLetterFilter::default()).await.unwrap();
    assert_eq!(stage.claim_one("inbox").await.unknown_for, None, "a redrive begins anew");
}
