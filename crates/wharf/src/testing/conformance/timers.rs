//! Saga timers: armed and disarmed with the commit, fired once, told apart by their generation.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::FutureExt;

use super::{
    Stage, Subject,
    sagas::id,
    stage::{MICROSECOND, trail},
};
use crate::{
    Delivery, Tenant,
    ports::{Fired, SagaId, Store, TimerArm, TimerFiring},
    testing::Faulty,
};

const MINUTE: Duration = Duration::from_secs(60);

fn timer(key: u32, name: &str, generation: i64, delay: Duration) -> TimerArm {
    TimerArm {
        saga: id(key),
        name: name.to_owned(),
        generation,
        delay,
        endpoint: Arc::from("saga"),
        takes_turns: false,
        trail: trail(),
    }
}

impl<S: Subject> Stage<S> {
    async fn arm(&self, timers: &[TimerArm]) {
        let mut transaction = self.engine().begin().await.unwrap();
        for timer in timers {
            transaction.arm(timer).await.unwrap();
        }
        transaction.commit(&[]).await.unwrap();
    }

    async fn disarm(&self, name: &str) -> Option<i64> {
        let mut transaction = self.engine().begin().await.unwrap();
        let before = transaction.disarm(&id(1), name).await.unwrap();
        transaction.commit(&[]).await.unwrap();
        before
    }

    async fn generation(&self, name: &str) -> Option<i64> {
        let mut transaction = self.engine().begin().await.unwrap();
        let generation = transaction.timer(&id(1), name).await.unwrap();
        transaction.rollback().await.unwrap();
        generation
    }

    async fn fire(&self) -> Fired {
        self.engine().fire_timers(100).await.unwrap()
    }

    /// What has fired, as name and generation, in the order it is claimed.
    async fn firings(&self) -> Vec<(String, i64)> {
        self.fire().await;
        self.claim("saga", 100).await.iter().map(firing).map(|firing| (firing.timer, firing.generation)).collect()
    }
}

fn firing(delivery: &Delivery) -> TimerFiring {
    serde_json::from_str(&delivery.body).expect("the body is a firing")
}

pub async fn a_timer_fires_once_and_not_a_microsecond_early<S: Subject>(stage: &mut Stage<S>) {
    let due = stage.now() + MINUTE;
    stage.arm(&[timer(1, "timeout", 1, MINUTE)]).await;

    stage.wind(MINUTE - MICROSECOND).await;
    assert_eq!(stage.fire().await, Fired { fired: 0, next_due: Some(due) });
    stage.wind(MICROSECOND).await;
    assert_eq!(stage.fire().await, Fired { fired: 1, next_due: None });
    assert_eq!(stage.fire().await, Fired { fired: 0, next_due: None });
    assert_eq!(stage.firings().await, [("timeout".to_owned(), 1)]);
}

pub async fn a_firing_carries_whose_timer_it_was<S: Subject>(stage: &mut Stage<S>) {
    let mut armed = timer(1, "time's \"up\"", 3, Duration::ZERO);
    armed.saga.tenant = Tenant::new("acme");
    stage.arm(std::slice::from_ref(&armed)).await;
    stage.fire().await;

    let delivery = stage.claim_one("saga").await;

    assert_eq!(firing(&delivery), TimerFiring { timer: armed.name, generation: 3 });
    let envelope = delivery.envelope;
    assert_eq!(&*envelope.name, TimerFiring::NAME);
    assert_eq!((envelope.tenant, envelope.key), (armed.saga.tenant, armed.saga.key));
    assert_eq!(envelope.trail, armed.trail);
    assert_eq!((envelope.attempt, envelope.crashes, envelope.redrives), (0, 0, 0));
    assert_eq!(envelope.sent_at, stage.now());
}

pub async fn rearming_replaces<S: Subject>(stage: &mut Stage<S>) {
    stage.arm(&[timer(1, "timeout", 1, MINUTE)]).await;
    stage.arm(&[timer(1, "timeout", 2, MINUTE * 2)]).await;
    assert_eq!(stage.generation("timeout").await, Some(2));
    stage.wind(MINUTE).await;
    assert_eq!(stage.firings().await, []);
    stage.wind(MINUTE).await;
    assert_eq!(stage.firings().await, [("timeout".to_owned(), 2)]);

    stage.arm(&[timer(1, "timeout", 3, MINUTE)]).await;
    assert_eq!(stage.generation("timeout").await, Some(3), "it tells the firing of generation 2 that it is stale");
    stage.wind(MINUTE).await;
    assert_eq!(stage.fire().await.fired, 1, "a timer that has fired may be armed again");
}

pub async fn a_disarmed_timer_never_fires<S: Subject>(stage: &mut Stage<S>) {
    stage.arm(&[timer(1, "timeout", 1, MINUTE), timer(1, "reminder", 1, MINUTE)]).await;

    assert_eq!(stage.disarm("timeout").await, Some(1));
    assert_eq!(stage.disarm("timeout").await, None);
    assert_eq!(stage.disarm("unheard of").await, None);
    assert_eq!(stage.generation("timeout").await, None);

    stage.wind(MINUTE).await;
    assert_eq!(stage.firings().await, [("reminder".to_owned(), 1)]);
}

pub async fn a_fired_timer_is_known_until_it_is_taken_back<S: Subject>(stage: &mut Stage<S>) {
    stage.arm(&[timer(1, "timeout", 5, Duration::ZERO)]).await;
    assert_eq!(stage.fire().await.fired, 1);

    assert_eq!(stage.generation("timeout").await, Some(5));
    assert_eq!(stage.disarm("timeout").await, Some(5));
    assert_eq!(stage.generation("timeout").await, None);
}

pub async fn a_rolled_back_timer_was_never_armed<S: Subject>(stage: &mut Stage<S>) {
    stage.arm(&[timer(1, "kept", 1, MINUTE)]).await;
    let mut transaction = stage.engine().begin().await.unwrap();
    transaction.arm(&timer(1, "undone", 1, MINUTE)).await.unwrap();
    transaction.disarm(&id(1), "kept").await.unwrap();
    assert_eq!(transaction.timer(&id(1), "undone").await.unwrap(), Some(1), "its own transaction sees it");
    assert_eq!(transaction.timer(&id(1), "kept").await.unwrap(), None);
    transaction.rollback().await.unwrap();

    stage.wind(MINUTE).await;
    assert_eq!(stage.firings().await, [("kept".to_owned(), 1)]);
}

pub async fn timers_fire_oldest_first_and_no_more_than_asked<S: Subject>(stage: &mut Stage<S>) {
    let last_due = stage.now() + MINUTE * 4;
    stage.arm(&[4, 2, 3, 1].map(|n| timer(n, "timeout", i64::from(n), MINUTE * n))).await;
    stage.wind(MINUTE * 3).await;

    let first = stage.engine().fire_timers(2).await.unwrap();
    assert_eq!(first.fired, 2);
    let second = stage.engine().fire_timers(2).await.unwrap();
    assert_eq!(second, Fired { fired: 1, next_due: Some(last_due) });

    let generations: BTreeSet<_> = stage.claim("saga", 100).await.iter().map(|one| firing(one).generation).collect();
    assert_eq!(generations, BTreeSet::from([1, 2, 3]));
}

pub async fn timers_of_tenants_and_instances_are_kept_apart<S: Subject>(stage: &mut Stage<S>) {
    let theirs = SagaId { tenant: Tenant::new("acme"), ..id(1) };
    let other_saga = SagaId { saga: Arc::from("case.another"), ..id(1) };
    let of = |saga: SagaId, generation| TimerArm { saga, ..timer(1, "timeout", generation, MINUTE) };
    stage.arm(&[of(id(1), 1), of(theirs, 2), of(other_saga, 3), of(id(2), 4)]).await;

    assert_eq!(stage.disarm("timeout").await, Some(1));

    stage.wind(MINUTE).await;
    let fired: BTreeSet<_> = stage.firings().await.into_iter().map(|(_, generation)| generation).collect();
    assert_eq!(fired, BTreeSet::from([2, 3, 4]));
}

pub async fn concurrent_firing_fires_each_timer_once<S: Subject>(stage: &mut Stage<S>) {
    let timers: Vec<_> = (0..20).map(|n| timer(n, "timeout", i64::from(n), Duration::ZERO)).collect();
    stage.arm(&timers).await;

    let firing: Vec<_> = (0..4)
        .map(|_| {
            let engine = stage.engine();
            tokio::spawn(async move { engine.fire_timers(7).await.unwrap().fired })
        })
        .collect();
    let mut fired = 0;
    for one in firing {
        fired += one.await.unwrap();
    }
    // Some may have been passed over while another held them locked.
    fired += stage.fire().await.fired;

    assert_eq!(fired, 20);
    assert_eq!(stage.claim("saga", 100).await.len(), 20);
}

/// As for schedules: who fires is fenced by the row, and the one that stood still meanwhile finds nothing left to fire.
pub async fn w07_who_stood_still_in_the_midst_of_firing_fires_no_timer_twice<S: Subject>(stage: &mut Stage<S>) {
    let slow = Faulty::new(stage.engine(), 0).rate(0.0).pausing();
    stage.arm(&[timer(1, "timeout", 1, MINUTE), timer(2, "timeout", 1, MINUTE * 2)]).await;
    stage.wind(MINUTE).await;
    let due = stage.now() + MINUTE;
    let mut firing = slow.fire_timers(10);
    assert!((&mut firing).now_or_never().is_none(), "it stands still before the database hears of it");

    assert_eq!(stage.fire().await, Fired { fired: 1, next_due: Some(due) });
    assert_eq!(firing.await.unwrap(), Fired { fired: 0, next_due: Some(due) });
    assert_eq!(stage.claim("saga", 10).await.len(), 1);
}
