//! Saga instances: stored as written, changed one step after another, kept apart.

use std::{sync::Arc, time::Duration};

use super::{Stage, Subject, stage::trail};
use crate::{
    Code, Key, Tenant,
    ports::{Engine, SagaId, SagaRow, Store, TimerArm},
};

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

impl<S: Subject> Stage<S> {
    pub(super) async fn save(&self, row: &SagaRow) {
        let mut transaction = self.engine().begin().await.unwrap();
        transaction.save_saga(row).await.unwrap();
        transaction.commit(&[]).await.unwrap();
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
    let arm = |key| TimerArm {
        saga: id(key),
        name: "timeout".to_owned(),
        generation: 1,
        delay: Duration::from_secs(60),
        endpoint: Arc::from("inbox"),
        takes_turns: false,
        trail: trail(),
    };
    let mut transaction = stage.engine().begin().await.unwrap();
    transaction.arm(&arm(1)).await.unwrap();
    transaction.arm(&arm(2)).await.unwrap();
    transaction.commit(&[]).await.unwrap();

    let finished = SagaRow { finished: true, ..row(id(1), 2, "2") };
    stage.save(&finished).await;

    assert_eq!(stage.stored(&id(1)).await, Some(finished));
    stage.wind(Duration::from_secs(60)).await;
    assert_eq!(stage.engine().fire_timers(10).await.unwrap().fired, 1);
    assert_eq!(stage.claim_one("inbox").await.envelope.key, id(2).key);
}
