//! P1 with a transport of another kind: the inbox knows which rounds of a message have ended, and the dead letters take in
//! what was no delivery of the store's own.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use super::{Sabotage, Stage, Subject, stage::MICROSECOND};
use crate::{
    Code, Tenant,
    ports::{Burial, Ending, Outbox, Receipt, Round, Store},
};

fn round(message: Uuid, number: u32) -> Round {
    Round { tenant: Tenant::default(), endpoint: Arc::from("inbox"), message, number }
}

fn receipt(round: &Round, ending: Ending) -> Receipt {
    Receipt { round: round.clone(), ending }
}

impl<S: Subject> Stage<S> {
    /// Notes that these rounds were handled, in one commit; what was new.
    async fn note(&self, rounds: &[Round]) -> Vec<bool> {
        let receipts: Vec<_> = rounds.iter().map(|round| receipt(round, Ending::Handled)).collect();
        let mut transaction = self.engine().begin().await.unwrap();
        let new = transaction.note(&receipts).await.unwrap();
        transaction.commit(&[]).await.unwrap();
        new
    }

    async fn endings(&self, rounds: &[Round]) -> Vec<Option<Ending>> {
        self.engine().endings(rounds).await.unwrap()
    }

    /// Gives up a message that came to `inbox` by another transport.
    async fn give_up(&self, message: &crate::Outgoing) {
        let round = Round::of(&Arc::from("inbox"), &message.envelope);
        let mut transaction = self.engine().begin().await.unwrap();
        assert_eq!(transaction.note(&[receipt(&round, Ending::DeadLettered)]).await.unwrap(), [true]);
        let burial = Burial {
            endpoint: Arc::from("inbox"),
            redrive_to: Outbox::endpoint("inbox"),
            envelope: message.envelope.clone(),
            body: Arc::clone(&message.body),
            code: Code::PERMANENT,
            reason: "no \"stock\": übel".to_owned(),
        };
        transaction.bury(&[burial]).await.unwrap();
        transaction.commit(&[]).await.unwrap();
    }
}

pub async fn a_round_ends_once<S: Subject>(stage: &mut Stage<S>) {
    let round = round(Uuid::now_v7(), 0);
    assert_eq!(stage.endings(std::slice::from_ref(&round)).await, [None]);

    assert_eq!(stage.note(std::slice::from_ref(&round)).await, [true]);
    assert_eq!(stage.note(std::slice::from_ref(&round)).await, [false]);

    assert_eq!(stage.endings(&[round]).await, [Some(Ending::Handled)]);
}

pub async fn of_concurrent_copies_one_is_new<S: Subject>(stage: &mut Stage<S>) {
    let round = round(Uuid::now_v7(), 0);
    let copies: Vec<_> = (0..4)
        .map(|_| {
            let (engine, receipt) = (stage.engine(), receipt(&round, Ending::Handled));
            tokio::spawn(async move {
                let mut transaction = engine.begin().await.unwrap();
                let new = transaction.note(&[receipt]).await.unwrap();
                match new == [true] {
                    true => transaction.commit(&[]).await.unwrap(),
                    false => transaction.rollback().await.unwrap(),
                }
                new
            })
        })
        .collect();
    let mut new = Vec::new();
    for copy in copies {
        new.extend(copy.await.unwrap());
    }
    assert_eq!(new.iter().filter(|new| **new).count(), 1, "{new:?}");
}

pub async fn a_later_round_is_new_and_ends_all_before_it<S: Subject>(stage: &mut Stage<S>) {
    let message = Uuid::now_v7();
    let rounds: Vec<_> = (0..4).map(|number| round(message, number)).collect();

    assert_eq!(stage.note(&rounds[..1]).await, [true]);
    assert_eq!(stage.note(&rounds[2..3]).await, [true]);

    let handled = Some(Ending::Handled);
    assert_eq!(stage.endings(&rounds).await, [handled, handled, handled, None]);
    assert_eq!(stage.note(&rounds[1..2]).await, [false]);
    assert_eq!(stage.note(&rounds[3..]).await, [true]);
}

pub async fn in_one_batch_a_round_is_new_once<S: Subject>(stage: &mut Stage<S>) {
    let (old, new, twice, both) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    stage.note(&[round(old, 0), round(both, 0)]).await;

    let batch = [round(twice, 0), round(old, 0), round(both, 0), round(new, 0), round(twice, 0), round(both, 1)];
    assert_eq!(stage.note(&batch).await, [true, false, false, true, false, true]);
    assert_eq!(stage.note(&[]).await, [false; 0]);
    assert_eq!(stage.endings(&[]).await, []);
}

pub async fn messages_of_endpoints_and_tenants_are_kept_apart<S: Subject>(stage: &mut Stage<S>) {
    let here = round(Uuid::now_v7(), 0);
    let elsewhere = Round { endpoint: Arc::from("o'ther"), ..here.clone() };
    let of_acme = Round { tenant: Tenant::new("acme"), ..here.clone() };
    stage.note(std::slice::from_ref(&here)).await;

    let all = [here, elsewhere, of_acme];
    assert_eq!(stage.endings(&all).await, [Some(Ending::Handled), None, None]);
    assert_eq!(stage.note(&all).await, [false, true, true]);
}

pub async fn what_is_not_committed_has_not_ended<S: Subject>(stage: &mut Stage<S>) {
    let round = round(Uuid::now_v7(), 0);
    for dropped in [false, true] {
        let mut transaction = stage.open(&[("stock", "3")]).await;
        assert_eq!(transaction.note(&[receipt(&round, Ending::Handled)]).await.unwrap(), [true]);
        match dropped {
            true => drop(transaction),
            false => transaction.rollback().await.unwrap(),
        }
        assert_eq!(stage.endings(std::slice::from_ref(&round)).await, [None]);
    }
    assert_eq!(stage.read("stock").await, None);
    assert_eq!(stage.note(&[round]).await, [true]);
}

/// Else the copy that comes next would be taken for one whose effects are committed.
pub async fn a_transaction_ended_behind_our_back_notes_nothing<S: Subject>(stage: &mut Stage<S>) {
    for how in [Sabotage::RawRollback, Sabotage::RawCommit] {
        let round = round(Uuid::now_v7(), 0);
        let Some(mut transaction) = stage.open_with(&[("stock", "3")], Some(how)).await else { return };

        let noted = transaction.note(&[receipt(&round, Ending::Handled)]).await;
        let committed = match &noted {
            Ok(_) => transaction.commit(&[stage.message("next", "reserved")]).await,
            Err(_) => transaction.rollback().await,
        };

        assert!(noted.is_err() || committed.is_err(), "{how:?} is an error");
        assert_eq!(stage.endings(std::slice::from_ref(&round)).await, [None], "{how:?}");
        stage.assert_idle("next").await;
        assert_eq!(stage.note(&[round]).await, [true], "the connection is sound again");
    }
}

pub async fn a_buried_message_tells_the_whole_story<S: Subject>(stage: &mut Stage<S>) {
    let mut message = stage.message("inbox", "work");
    (message.envelope.attempt, message.envelope.crashes, message.envelope.redrives) = (3, 1, 2);
    stage.give_up(&message).await;

    let letters = stage.dead_letters().await;

    let [letter] = letters.as_slice() else { unreachable!("one dead letter, not {letters:?}") };
    assert_eq!((letter.endpoint.as_str(), &letter.envelope, &letter.body), ("inbox", &message.envelope, &message.body));
    assert_eq!((letter.code.as_str(), letter.reason.as_str()), ("W0004", "no \"stock\": übel"));
    assert_eq!(letter.died_at, stage.now());
    stage.assert_idle("inbox").await;
    stage.assert_idle("outbox:inbox").await;
}

pub async fn a_buried_message_is_redriven_by_its_outbox_and_the_inbox_says_so<S: Subject>(stage: &mut Stage<S>) {
    let message = stage.message("inbox", "work");
    let round = Round::of(&Arc::from("inbox"), &message.envelope);
    stage.give_up(&message).await;
    assert_eq!(stage.endings(std::slice::from_ref(&round)).await, [Some(Ending::DeadLettered)]);

    let redrive = async || stage.engine().redrive(&crate::DeadLetterFilter::default()).await.unwrap();
    assert_eq!((redrive().await, redrive().await), (1, 0));

    assert_eq!(stage.endings(&[round]).await, [Some(Ending::Again)]);
    let again = stage.claim_one("outbox:inbox").await;
    let mut expected = message.envelope;
    expected.redrives = 1;
    assert_eq!((again.envelope, again.body), (expected, message.body));
    stage.assert_idle("inbox").await;
    assert_eq!(stage.dead_letters().await, []);
}

/// The ids of both kinds of dead letters come from one place.
pub async fn buried_messages_and_dead_deliveries_live_side_by_side<S: Subject>(stage: &mut Stage<S>) {
    for n in 0..3 {
        stage.give_up(&stage.message("inbox", &format!("buried {n}"))).await;
        stage.send("inbox", &format!("delivered {n}")).await;
        let delivery = stage.claim_one("inbox").await;
        let dead = crate::ports::Outcome::DeadLetter { code: Code::PERMANENT, reason: "no".to_owned(), attempt: 1 };
        assert!(stage.settle(delivery.lease, dead).await);
    }
    let letters = stage.dead_letters().await;
    let names: Vec<_> = letters.iter().map(|letter| &*letter.envelope.name).collect();
    assert_eq!(names, ["buried 0", "delivered 0", "buried 1", "delivered 1", "buried 2", "delivered 2"]);
}

pub async fn pruning_forgets_the_oldest_and_not_a_microsecond_early<S: Subject>(stage: &mut Stage<S>) {
    const KEPT: Duration = Duration::from_secs(8 * 24 * 3600);
    let rounds: Vec<_> = (0..3).map(|_| round(Uuid::now_v7(), 0)).collect();
    for round in &rounds {
        stage.note(std::slice::from_ref(round)).await;
        stage.wind(Duration::from_secs(1)).await;
    }
    let prune = async |max| stage.engine().prune_inbox(KEPT, max).await.unwrap();

    stage.wind(KEPT - Duration::from_secs(3)).await;
    assert_eq!(prune(10).await, 0);
    stage.wind(MICROSECOND).await;
    assert_eq!(prune(10).await, 1);
    let handled = Some(Ending::Handled);
    assert_eq!(stage.endings(&rounds).await, [None, handled, handled]);

    stage.wind(Duration::from_secs(2)).await;
    assert_eq!((prune(1).await, prune(1).await, prune(1).await), (1, 1, 0));
}
