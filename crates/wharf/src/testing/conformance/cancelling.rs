//! What a person no longer wants is set aside where it waits, and can be had back.

use std::time::Duration;

use super::{
    Stage, Subject,
    stage::{LEASE, MICROSECOND},
};
use crate::{
    DeadLetterFilter, Outgoing, Tenant,
    ports::{Cancellation, Outcome, Store},
};

fn of(message: &Outgoing) -> Cancellation {
    Cancellation { tenant: message.envelope.tenant.clone(), message: message.envelope.id }
}

pub async fn what_waits_of_a_message_becomes_dead_letters<S: Subject>(stage: &mut Stage<S>) {
    let meant = stage.message("one", "case.meant");
    let elsewhere = Outgoing { endpoint: "two".into(), ..meant.clone() }.after(Duration::from_secs(3600));
    let other = stage.message("one", "case.other");
    let mut namesake = meant.clone();
    namesake.envelope.tenant = Tenant::new("another");
    stage.send_all(&[meant.clone(), elsewhere, other, namesake]).await;

    assert_eq!(stage.engine().cancel(&of(&meant)).await.unwrap(), 2);
    assert_eq!(stage.engine().cancel(&of(&meant)).await.unwrap(), 0, "nothing of it waits any more");

    let letters = stage.dead_letters().await;
    let mut told: Vec<_> = letters
        .iter()
        .map(|letter| (letter.endpoint.as_str(), &*letter.envelope.name, letter.code.as_str(), letter.envelope.attempt))
        .collect();
    told.sort_unstable();
    assert_eq!(told, [("one", "case.meant", "W0070", 0), ("two", "case.meant", "W0070", 0)]);
    assert!(letters.iter().all(|letter| letter.died_at == stage.now() && letter.envelope.id == meant.envelope.id));
    assert_eq!(stage.claim_names("one").await, ["case.other", "case.meant"], "one of another tenant may have its id");
    assert_eq!(stage.claim_names("two").await, [""; 0]);
}

pub async fn what_is_held_is_left_to_its_holder_until_its_lease_ends<S: Subject>(stage: &mut Stage<S>) {
    let meant = stage.message("one", "case.meant");
    stage.send_all(std::slice::from_ref(&meant)).await;
    let held = stage.claim_one("one").await;
    assert_eq!(stage.engine().cancel(&of(&meant)).await.unwrap(), 0);

    stage.wind(LEASE + MICROSECOND).await;
    assert_eq!(stage.engine().cancel(&of(&meant)).await.unwrap(), 1);
    assert!(!stage.settle(held.lease, Outcome::Done).await, "its holder comes too late");
    assert_eq!(stage.dead_letters().await.len(), 1);
}

pub async fn a_cancelled_message_may_be_redriven<S: Subject>(stage: &mut Stage<S>) {
    let meant = stage.message("one", "case.meant");
    stage.send_all(std::slice::from_ref(&meant)).await;
    stage.engine().cancel(&of(&meant)).await.unwrap();

    assert_eq!(stage.engine().redrive(&DeadLetterFilter::default()).await.unwrap(), 1);
    let again = stage.claim_one("one").await;
    assert_eq!((again.envelope.id, again.envelope.redrives), (meant.envelope.id, 1));
    assert_eq!(again.body, meant.body);
}
