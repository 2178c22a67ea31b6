//! P5: dead letters are a table one can work with.

use std::time::Duration;

use super::{Stage, Subject, stage::LEASE};
use crate::{
    Code, DeadLetter, DeadLetterFilter, Outgoing, Tenant,
    ports::{Outcome, Store},
};

impl<S: Subject> Stage<S> {
    /// Sends a message and lets it die.
    async fn bury(&self, message: Outgoing, code: Code) -> DeadLetter {
        let endpoint = message.endpoint.to_string();
        self.send_all(&[message]).await;
        let delivery = self.claim_one(&endpoint).await;
        let outcome = Outcome::DeadLetter { code, reason: format!("{code}: because"), attempt: 3 };
        assert!(self.settle(delivery.lease, outcome).await);
        self.dead_letters().await.into_iter().next_back().expect("a dead letter")
    }

    async fn found(&self, filter: DeadLetterFilter) -> Vec<i64> {
        self.engine().dead_letters(&filter).await.unwrap().iter().map(|letter| letter.id).collect()
    }
}

fn filter(fill: impl FnOnce(&mut DeadLetterFilter)) -> DeadLetterFilter {
    let mut filter = DeadLetterFilter::default();
    fill(&mut filter);
    filter
}

pub async fn a_dead_letter_tells_the_whole_story<S: Subject>(stage: &mut Stage<S>) {
    let sent = stage.message("inbox", "work");
    stage.send_all(std::slice::from_ref(&sent)).await;
    for _ in ["among others", "alone"] {
        stage.claim_one("inbox").await;
        stage.wind(LEASE).await;
    }
    let crashed_once = stage.claim_one("inbox").await;
    stage.wind(Duration::from_micros(5)).await;
    let reason = "no \"stock\": übel".to_owned();
    let outcome = Outcome::DeadLetter { code: Code::PERMANENT, reason: reason.clone(), attempt: 3 };
    assert!(stage.settle(crashed_once.lease, outcome).await);

    let letters = stage.dead_letters().await;

    let [letter] = letters.as_slice() else { unreachable!("one dead letter, not {letters:?}") };
    let mut envelope = sent.envelope;
    (envelope.attempt, envelope.crashes) = (3, 1);
    assert_eq!(letter.endpoint, "inbox");
    assert_eq!(letter.envelope, envelope);
    assert_eq!(letter.body, sent.body);
    assert_eq!((letter.code.as_str(), &letter.reason), ("W0004", &reason));
    assert_eq!(letter.died_at, stage.now());
    assert_eq!(letter.meaning(), Some(Code::PERMANENT.meaning));
    stage.wind(LEASE * 2).await;
    stage.assert_idle("inbox").await;
}

pub async fn dead_letters_are_found_by_each_field<S: Subject>(stage: &mut Stage<S>) {
    let a = stage.bury(stage.message("inbox", "a"), Code::PERMANENT).await.id;
    let b = stage.bury(stage.message("inbox", "b"), Code::BODY_UNREADABLE).await.id;
    let elsewhere = stage.bury(stage.message("outbox", "a"), Code::PERMANENT).await.id;
    let mut message = stage.message("inbox", "a");
    message.envelope.tenant = Tenant::new("acme");
    let acme = stage.bury(message, Code::PERMANENT).await.id;

    assert_eq!(stage.found(filter(|_| {})).await, [a, b, elsewhere, acme]);
    assert_eq!(stage.found(filter(|f| f.id = Some(b))).await, [b]);
    assert_eq!(stage.found(filter(|f| f.tenant = Some(Tenant::new("acme")))).await, [acme]);
    assert_eq!(stage.found(filter(|f| f.endpoint = Some("outbox".to_owned()))).await, [elsewhere]);
    assert_eq!(stage.found(filter(|f| f.name = Some("a".to_owned()))).await, [a, elsewhere, acme]);
    assert_eq!(stage.found(filter(|f| f.code = Some("W0005".to_owned()))).await, [b]);
    let both = filter(|f| (f.name, f.endpoint) = (Some("a".to_owned()), Some("inbox".to_owned())));
    assert_eq!(stage.found(both).await, [a, acme]);
    assert_eq!(stage.found(filter(|f| f.name = Some("A".to_owned()))).await, [0; 0]);
}

pub async fn dead_letters_come_oldest_first_and_no_more_than_asked<S: Subject>(stage: &mut Stage<S>) {
    let mut ids = Vec::new();
    for name in ["one", "two", "three"] {
        ids.push(stage.bury(stage.message("inbox", name), Code::PERMANENT).await.id);
        stage.wind(Duration::from_secs(1)).await;
    }

    assert_eq!(stage.found(filter(|f| f.limit = Some(2))).await, ids[..2]);
    assert_eq!(stage.engine().redrive(&filter(|f| f.limit = Some(1))).await.unwrap(), 1);
    assert_eq!(stage.claim_names("inbox").await, ["one"]);
    assert_eq!(stage.engine().discard(&filter(|f| f.limit = Some(1))).await.unwrap(), 1);
    assert_eq!(stage.found(filter(|_| {})).await, ids[2..]);
}

pub async fn a_redrive_starts_afresh_and_is_counted<S: Subject>(stage: &mut Stage<S>) {
    let sent = stage.message("inbox", "work");
    stage.send_all(std::slice::from_ref(&sent)).await;
    for crashes in [0, 0, 1] {
        assert_eq!(stage.claim_one("inbox").await.envelope.crashes, crashes);
        stage.wind(LEASE).await;
    }
    let crashed = stage.claim_one("inbox").await;
    assert_eq!(crashed.envelope.crashes, 2);
    let outcome = Outcome::DeadLetter { code: Code::PERMANENT, reason: "because".to_owned(), attempt: 3 };
    assert!(stage.settle(crashed.lease, outcome).await);

    assert_eq!(stage.engine().redrive(&filter(|_| {})).await.unwrap(), 1);

    let redriven = stage.claim_one("inbox").await;
    let mut expected = sent.envelope;
    expected.redrives = 1;
    assert!(!redriven.is_survivor);
    assert_eq!((redriven.envelope, redriven.body), (expected, sent.body));
    assert_eq!(stage.dead_letters().await, []);
}

pub async fn a_redrive_moves_each_letter_once<S: Subject>(stage: &mut Stage<S>) {
    for name in ["one", "two", "three"] {
        stage.bury(stage.message("inbox", name), Code::PERMANENT).await;
    }

    let operators: Vec<_> = (0..4)
        .map(|_| {
            let engine = stage.engine();
            tokio::spawn(async move { engine.redrive(&DeadLetterFilter::default()).await.unwrap() })
        })
        .collect();
    let mut moved = 0;
    for operator in operators {
        moved += operator.await.unwrap();
    }
    // An operator may have passed over what another held locked; nobody moves it twice.
    moved += stage.engine().redrive(&filter(|_| {})).await.unwrap();

    assert_eq!(moved, 3);
    let mut names = stage.claim_names("inbox").await;
    names.sort_unstable();
    assert_eq!(names, ["one", "three", "two"]);
    assert_eq!(stage.engine().redrive(&filter(|_| {})).await.unwrap(), 0);
}

pub async fn a_redriven_letter_may_die_again<S: Subject>(stage: &mut Stage<S>) {
    stage.bury(stage.message("inbox", "work"), Code::PERMANENT).await;
    stage.engine().redrive(&filter(|_| {})).await.unwrap();
    let again = stage.claim_one("inbox").await;
    let outcome = Outcome::DeadLetter { code: Code::PERMANENT, reason: "still".to_owned(), attempt: 1 };
    assert!(stage.settle(again.lease, outcome).await);

    let letters = stage.dead_letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].envelope.redrives, letters[0].envelope.attempt), (1, 1));
    stage.engine().redrive(&filter(|_| {})).await.unwrap();
    assert_eq!(stage.claim_one("inbox").await.envelope.redrives, 2);
}

pub async fn a_discarded_letter_is_gone<S: Subject>(stage: &mut Stage<S>) {
    let kept = stage.bury(stage.message("inbox", "kept"), Code::PERMANENT).await.id;
    let gone = stage.bury(stage.message("inbox", "gone"), Code::PERMANENT).await.id;

    assert_eq!(stage.engine().discard(&filter(|f| f.id = Some(gone))).await.unwrap(), 1);
    assert_eq!(stage.engine().discard(&filter(|f| f.id = Some(gone))).await.unwrap(), 0);

    assert_eq!(stage.found(filter(|_| {})).await, [kept]);
    assert_eq!(stage.engine().redrive(&filter(|f| f.id = Some(gone))).await.unwrap(), 0);
    stage.assert_idle("inbox").await;
}

pub async fn dead_letters_are_counted_no_further_than_asked<S: Subject>(stage: &mut Stage<S>) {
    assert_eq!(stage.engine().count_dead_letters(2).await.unwrap(), 0);
    for _ in 0..3 {
        stage.bury(stage.message("inbox", "dead"), Code::PERMANENT).await;
    }
    assert_eq!(stage.engine().count_dead_letters(10).await.unwrap(), 3);
    assert_eq!(stage.engine().count_dead_letters(2).await.unwrap(), 2);
}
