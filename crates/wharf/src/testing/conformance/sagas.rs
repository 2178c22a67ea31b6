//! Saga instances: stored as written, changed one step after another, kept apart.

use std::{sync::Arc, time::Duration};

use super::{Stage, Subject, stage::trail};
use crate::{
    Code, Key, Tenant,
    ports::{Engine, SagaFilter, SagaId, SagaRecord, SagaRow, SagaTimer, Store, TimerArm},
};

const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn id(key: u32) -> SagaId {
    SagaId { tenant: Tenant::default(), saga: Arc::from("case.saga"), key: Key::new("case", key) }
}

pub(super) fn row(id: SagaId, revision: i64, state: &str) -> SagaRow {
    SagaRow {
        id,
        revision,
        version: 1,
        state_name: "State".to_owned(),
        state: state.to_owned(),
        facts: "{}".to_owned(),
        finished: false,
    }
}

fn timeout(saga: SagaId) -> TimerArm {
    TimerArm {
        saga,
        name: "timeout".to_owned(),
        generation: 1,
        delay: MINUTE,
        endpoint: Arc::from("inbox"),
        takes_turns: false,
        trail: trail(),
    }
}

impl<S: Subject> Stage<S> {
    pub(super) async fn save(&self, row: &SagaRow) {
        let mut transaction = self.engine().begin().await.unwrap();
        transaction.save_saga(row).await.unwrap();
        transaction.commit(&[]).await.unwrap();
    }

    /// Keys of those that match, in their order.
    async fn listed(&self, filter: &SagaFilter) -> Vec<String> {
        let found = self.engine().sagas(filter).await.unwrap();
        found.into_iter().map(|record| record.row.id.key.to_string()).collect()
    }

    async fn stored(&self, id: &SagaId) -> Option<SagaRow> {
        self.engine().saga(id).await.unwrap()
    }
}

pub async fn an_instance_is_stored_as_it_was_written<S: Subject>(stage: &mut Stage<S>) {
    let strange = r#"{"text":"Zoë’s 🛒 said \"it's\" \\ \n","n":1.50,"a":[]}"#;
    let mut first = row(id(1), 1, strange);
    first.facts = strange.to_owned();
    first.version = 4;
    assert_eq!(stage.stored(&first.id).await, None);
    stage.save(&first).await;
    assert_eq!(stage.stored(&first.id).await.as_ref(), Some(&first));

    let second = SagaRow { revision: 2, state_name: "Other".to_owned(), version: 5, ..first.clone() };
    stage.save(&second).await;
    assert_eq!(stage.stored(&first.id).await, Some(second));
}

pub async fn an_instance_is_seen_by_its_own_transaction_first<S: Subject>(stage: &mut Stage<S>) {
    let mut transaction = stage.engine().begin().await.unwrap();
    assert_eq!(transaction.saga(&id(1)).await.unwrap(), None);
    transaction.save_saga(&row(id(1), 1, "1")).await.unwrap();
    transaction.save_saga(&row(id(1), 2, "2")).await.unwrap();
    assert_eq!(transaction.saga(&id(1)).await.unwrap(), Some(row(id(1), 2, "2")));
    transaction.rollback().await.unwrap();

    assert_eq!(stage.stored(&id(1)).await, None);
}

pub async fn a_save_must_follow_the_revision_before<S: Subject>(stage: &mut Stage<S>) {
    stage.save(&row(id(1), 1, "1")).await;
    stage.save(&row(id(1), 2, "2")).await;

    for (instance, wrong) in [(1, 1), (1, 2), (1, 4), (2, 2)] {
        let mut transaction = stage.engine().begin().await.unwrap();
        let refused = transaction.save_saga(&row(id(instance), wrong, "wrong")).await;
        assert_eq!(refused.map_err(|error| error.code()), Err(Code::ENGINE_FAILED), "revision {wrong} of {instance}");
        transaction.rollback().await.unwrap();
    }

    assert_eq!(stage.stored(&id(1)).await, Some(row(id(1), 2, "2")));
    assert_eq!(stage.stored(&id(2)).await, None);
}

pub async fn tenants_and_sagas_are_kept_apart<S: Subject>(stage: &mut Stage<S>) {
    let ours = id(1);
    let theirs = SagaId { tenant: Tenant::new("acme"), ..id(1) };
    let another = SagaId { saga: Arc::from("case.another"), ..id(1) };
    for (n, id) in [&ours, &theirs, &another].into_iter().enumerate() {
        stage.save(&row(id.clone(), 1, &n.to_string())).await;
    }

    stage.save(&row(theirs.clone(), 2, "10")).await;

    assert_eq!(stage.stored(&ours).await, Some(row(ours, 1, "0")));
    assert_eq!(stage.stored(&theirs).await, Some(row(theirs, 2, "10")));
    assert_eq!(stage.stored(&another).await, Some(row(another, 1, "2")));
}

/// Instances that do not exist yet included: of two first steps one may fail, but both never pass.
pub async fn concurrent_steps_lose_no_update<S: Subject>(stage: &mut Stage<S>) {
    const STEPS: usize = 8;
    let steps: Vec<_> = (0..STEPS)
        .map(|_| {
            let engine = stage.engine();
            tokio::spawn(async move {
                // Whoever was too late reads again, as a retried delivery does.
                while !step(&engine).await {}
            })
        })
        .collect();
    for step in steps {
        step.await.unwrap();
    }

    let stored = stage.stored(&id(1)).await.expect("an instance");
    assert_eq!((stored.revision, stored.state.as_str()), (8, "8"));
}

/// Reads the instance and counts one up; whether it was committed.
async fn step(engine: &impl Engine) -> bool {
    let mut transaction = engine.begin().await.unwrap();
    let Ok(before) = transaction.saga(&id(1)).await else { return false };
    let revision = before.as_ref().map_or(0, |row| row.revision) + 1;
    let count = before.map_or(0, |row| row.state.parse::<u32>().unwrap()) + 1;
    match transaction.save_saga(&row(id(1), revision, &count.to_string())).await {
        Ok(()) => transaction.commit(&[]).await.is_ok(),
        Err(_) => transaction.rollback().await.is_err(),
    }
}

pub async fn a_finished_instance_stays_and_loses_its_timers<S: Subject>(stage: &mut Stage<S>) {
    stage.save(&row(id(1), 1, "1")).await;
    stage.save(&row(id(2), 1, "1")).await;
    let mut transaction = stage.engine().begin().await.unwrap();
    transaction.arm(&timeout(id(1))).await.unwrap();
    transaction.arm(&timeout(id(2))).await.unwrap();
    transaction.commit(&[]).await.unwrap();

    let finished = SagaRow { finished: true, ..row(id(1), 2, "2") };
    stage.save(&finished).await;

    assert_eq!(stage.stored(&id(1)).await, Some(finished));
    stage.wind(MINUTE).await;
    assert_eq!(stage.engine().fire_timers(10).await.unwrap().fired, 1);
    assert_eq!(stage.claim_one("inbox").await.envelope.key, id(2).key);
}

pub async fn instances_are_found_by_each_field_with_what_they_wait_for<S: Subject>(stage: &mut Stage<S>) {
    let began_at = stage.now();
    let theirs = SagaId { tenant: Tenant::new("acme"), ..id(3) };
    let another = SagaId { saga: Arc::from("case.another"), ..id(4) };
    for id in [id(1), id(2), theirs.clone(), another, id(5)] {
        stage.wind(MINUTE).await;
        stage.save(&row(id, 1, "1")).await;
    }
    let mut transaction = stage.engine().begin().await.unwrap();
    let now = stage.now();
    let late = TimerArm { delay: 5 * MINUTE, name: "late".to_owned(), ..timeout(theirs.clone()) };
    for timer in [&late, &timeout(theirs.clone()), &timeout(id(1))] {
        transaction.arm(timer).await.unwrap();
    }
    transaction.commit(&[]).await.unwrap();
    stage.wind(MINUTE).await;
    assert_eq!(stage.engine().fire_timers(10).await.unwrap().fired, 2);
    let waiting = SagaRow { state_name: "Waiting".to_owned(), ..row(id(2), 2, "2") };
    stage.save(&waiting).await;
    for key in [5, 1] {
        stage.wind(MINUTE).await;
        stage.save(&SagaRow { finished: true, ..row(id(key), 2, "2") }).await;
    }

    let all = SagaFilter::default;
    assert_eq!(stage.listed(&all()).await, ["case:3", "case:4", "case:2", "case:1", "case:5"]);
    assert_eq!(stage.listed(&all().finished(false)).await, ["case:3", "case:4", "case:2"], "the longest still first");
    assert_eq!(stage.listed(&all().finished(true)).await, ["case:1", "case:5"], "the last first");
    assert_eq!(stage.listed(&all().finished(false).limit(2)).await, ["case:3", "case:4"]);
    assert_eq!(stage.listed(&all().finished(true).limit(1)).await, ["case:1"]);
    assert_eq!(stage.listed(&all().tenant(&theirs.tenant)).await, ["case:3"]);
    assert_eq!(stage.listed(&all().saga("case.another")).await, ["case:4"]);
    assert_eq!(stage.listed(&all().state("Waiting")).await, ["case:2"]);
    assert_eq!(stage.listed(&all().finished(true).state("Waiting")).await, [""; 0]);
    assert_eq!(stage.listed(&SagaFilter::one(&id(5)).finished(false)).await, [""; 0]);
    assert_eq!(stage.listed(&SagaFilter::one(&id(3))).await, [""; 0], "that one is of another tenant");

    let one = async |id| stage.engine().sagas(&SagaFilter::one(&id)).await.unwrap().remove(0);
    let timer = |name: &str, due_at, fired| SagaTimer { name: name.to_owned(), generation: 1, due_at, fired };
    let (began_at, updated_at) = (began_at + 2 * MINUTE, now + MINUTE);
    let moved = SagaRecord { row: waiting, began_at, updated_at, finished_at: None, timers: Vec::new() };
    assert_eq!(one(id(2)).await, moved);
    let timers = [timer("timeout", now + MINUTE, true), timer("late", now + 5 * MINUTE, false)];
    assert_eq!(one(theirs).await.timers, timers, "the next one first");
    let over = one(id(1)).await;
    assert_eq!((over.finished_at, over.timers), (Some(now + 3 * MINUTE), Vec::new()));
}
