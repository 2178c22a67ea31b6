//! What is done with goes once it was kept long enough, and nothing else ever does.

use std::time::Duration;

use super::{
    Stage, Subject,
    sagas::{id, row},
    stage::{MICROSECOND, forgettable},
};
use crate::ports::{SagaRow, Store};

const DAY: Duration = Duration::from_secs(24 * 3600);
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

impl<S: Subject> Stage<S> {
    async fn prune(&self, max: usize) -> u64 {
        self.engine().prune(&forgettable(KEPT), max).await.unwrap()
    }

    async fn is_there(&self, key: u32) -> bool {
        Store::saga(&self.engine(), &id(key)).await.unwrap().is_some()
    }
}

fn going_on(key: u32) -> SagaRow {
    row(id(key), 1, "1")
}

fn finished(key: u32) -> SagaRow {
    SagaRow { finished: true, ..going_on(key) }
}

pub async fn a_finished_saga_goes_after_its_retention_and_not_before<S: Subject>(stage: &mut Stage<S>) {
    stage.save(&finished(1)).await;
    stage.save(&going_on(2)).await;
    stage.wind(DAY).await;
    // A late event is decided by the tombstone, which grows no younger for it.
    stage.save(&SagaRow { revision: 2, ..finished(1) }).await;
    stage.save(&finished(3)).await;

    stage.wind(KEPT - DAY - MICROSECOND).await;
    assert_eq!(stage.prune(10).await, 0);
    stage.wind(MICROSECOND).await;
    assert_eq!(stage.prune(10).await, 1);
    assert_eq!((stage.is_there(1).await, stage.is_there(3).await), (false, true));
    stage.wind(KEPT * 10).await;
    assert_eq!(stage.prune(10).await, 1);
    assert!(stage.is_there(2).await, "what has not finished is kept for ever");
}

pub async fn w19_no_more_goes_at_once_than_asked<S: Subject>(stage: &mut Stage<S>) {
    for key in 0..5 {
        stage.save(&finished(key)).await;
    }
    stage.wind(KEPT).await;
    assert_eq!([stage.prune(2).await, stage.prune(2).await, stage.prune(2).await, stage.prune(2).await], [2, 2, 1, 0]);
}
