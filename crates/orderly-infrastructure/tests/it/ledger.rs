//! Payment intents and attempts.

use orderly_contracts::{CaptureId, Currency, Money, OrderId};
use orderly_payments::domain::{AttemptState, Intent, IntentNumber, IntentState, PaymentKey};
use wharf::Verdict;

use crate::stage::{Stage, tenant};

pub(crate) fn intent(order: i64, state: IntentState) -> Intent {
    let key = PaymentKey { order: OrderId(order), intent: IntentNumber::FIRST };
    Intent::from_stored(key, Money::new(1_000, Currency::GBP), state)
}

pub(crate) async fn save(stage: &Stage, intent: &Intent) {
    stage.commit(async |tx| stage.ports.ledger.save(tx, intent).await).await;
}

fn every_state() -> Vec<IntentState> {
    let (capture, amount) = (CaptureId::new("cap_1"), Money::new(900, Currency::GBP));
    vec![
        IntentState::Requested,
        IntentState::Accepted,
        IntentState::Captured { capture: capture.clone(), amount },
        IntentState::Refunded { capture, amount },
        IntentState::Declined { reason: "no \"funds\"".to_owned() },
        IntentState::Voided,
    ]
}

pub(crate) async fn every_state_of_an_intent_is_read_as_it_was_written(stage: &Stage) {
    for (order, state) in (1..).zip(every_state()) {
        let new = intent(order, state.clone());
        save(stage, &new).await;
        let found = stage.commit(async |tx| stage.ports.ledger.find(tx, OrderId(order)).await).await;
        assert_eq!(found, Some(new));

        let order = order + 100;
        save(stage, &intent(order, IntentState::Accepted)).await;
        if state != IntentState::Requested {
            let changed = intent(order, state);
            save(stage, &changed).await;
            let found = stage.commit(async |tx| stage.ports.ledger.find(tx, OrderId(order)).await).await;
            assert_eq!(found, Some(changed));
        }
    }
    assert_eq!(stage.commit(async |tx| stage.ports.ledger.find(tx, OrderId(404)).await).await, None);
}

pub(crate) async fn an_intent_is_looked_up_once_committed(stage: &Stage) {
    let intent = intent(1, IntentState::Requested);
    let mut work = stage.begin();
    stage.ports.ledger.save(&mut work.tx, &intent).await.unwrap();
    assert_eq!(stage.ports.ledger.look_up(&tenant(), OrderId(1)).await.unwrap(), None);
    work.commit().await.unwrap();
    assert_eq!(stage.ports.ledger.look_up(&tenant(), OrderId(1)).await.unwrap(), Some(intent));
}

pub(crate) async fn a_request_never_replaces_what_came_of_it(stage: &Stage) {
    save(stage, &intent(1, IntentState::Voided)).await;
    let mut work = stage.begin();
    let late = intent(1, IntentState::Requested);
    let failure = stage.ports.ledger.save(&mut work.tx, &late).await.unwrap_err();
    assert_eq!(failure.verdict(), Verdict::Retry, "the next try finds the void");
    work.rollback().await.unwrap();
    let found = stage.ports.ledger.look_up(&tenant(), OrderId(1)).await.unwrap();
    assert_eq!(found, Some(intent(1, IntentState::Voided)));
}

pub(crate) async fn the_last_word_on_an_attempt_counts(stage: &Stage) {
    let note = async |number, state| {
        stage.commit(async |tx| stage.ports.ledger.note_attempt(tx, OrderId(1), number, state).await).await;
    };
    note(2, AttemptState::Lost).await;
    for state in AttemptState::ALL {
        note(1, state).await;
        let attempts = stage.read("SELECT state FROM payment_attempts WHERE order_id = 1 ORDER BY number").await;
        assert_eq!(attempts, [state.as_str(), "lost"]);
    }
}
