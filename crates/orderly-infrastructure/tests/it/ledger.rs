//! Payment intents and attempts.

use orderly_contracts::{CaptureId, Currency, Money, OrderId, Tenant};
use orderly_payments::{
    Capture, PaymentTotals,
    domain::{AttemptState, Intent, IntentNumber, IntentState, PaymentKey},
};
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

pub(crate) async fn payments_are_counted_by_what_became_of_them(stage: &Stage) {
    for (order, state) in (1..).zip(every_state()) {
        save(stage, &intent(order, state)).await;
    }
    let stray = Capture { id: CaptureId::new("cap_2"), amount: Money::new(900, Currency::GBP) };
    stage.commit(async |tx| stage.ports.ledger.book_stray(tx, OrderId(1), &stray).await).await;
    let totals = stage.ports.payments.totals(&tenant()).await.unwrap();
    assert_eq!(totals, PaymentTotals { captures: 3, refunds: 1, voids: 1 });
    let elsewhere = stage.ports.payments.totals(&Tenant::new("elsewhere")).await.unwrap();
    assert_eq!(elsewhere, PaymentTotals::default());
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

pub(crate) async fn a_stray_capture_is_booked_once_and_stays_when_it_was_given_back(stage: &Stage) {
    let capture = |id: &str| Capture { id: CaptureId::new(id), amount: Money::new(900, Currency::USD) };
    let book = async |order, id| {
        stage.commit(async |tx| stage.ports.ledger.book_stray(tx, OrderId(order), &capture(id)).await).await
    };
    assert!(book(1, "cap_2").await);
    assert!(!book(1, "cap_2").await);
    assert!(book(1, "cap_3").await);
    assert!(book(2, "cap_2").await);
    stage.wind(std::time::Duration::from_secs(60)).await;
    let back = CaptureId::new("cap_2");
    stage.commit(async |tx| stage.ports.ledger.stray_is_refunded(tx, OrderId(1), &back).await).await;
    let strays = "SELECT order_id || ' ' || capture || ' ' || amount_minor || ' ' || currency || ' '
                      || coalesce(((refunded_at - booked_at) / 1000000) || ' s', 'kept')
                  FROM payment_strays ORDER BY order_id, capture";
    let told = ["1 cap_2 900 USD 60 s", "1 cap_3 900 USD kept", "2 cap_2 900 USD kept"];
    assert_eq!(stage.read(strays).await, told);
}

pub(crate) async fn the_first_contradiction_of_a_payment_stays(stage: &Stage) {
    let note =
        async |reason| stage.commit(async |tx| stage.ports.ledger.note_dispute(tx, OrderId(1), reason).await).await;
    assert!(!note("of no payment").await);
    save(stage, &intent(1, IntentState::Accepted)).await;
    assert!(note("taken, and declined").await);
    assert!(!note("declined, and taken").await);
    save(stage, &intent(1, IntentState::Voided)).await;
    assert_eq!(stage.read("SELECT dispute FROM payments").await, ["taken, and declined"]);
}

pub(crate) async fn whatever_is_taken_and_given_back_is_debited_and_credited(stage: &Stage) {
    let entries = async || {
        let sql = "SELECT deed || ' ' || account || ' ' || debit_minor || ' ' || credit_minor || ' ' || currency
                   FROM ledger_entries ORDER BY order_id, id";
        let mut entries = stage.read(sql).await;
        entries.chunks_mut(2).for_each(<[String]>::sort);
        entries
    };
    let (capture, amount) = (CaptureId::new("cap_1"), Money::new(900, Currency::GBP));
    let captured = IntentState::Captured { capture: capture.clone(), amount };
    let refunded = IntentState::Refunded { capture, amount };
    save(stage, &intent(1, IntentState::Requested)).await;
    save(stage, &intent(1, IntentState::Accepted)).await;
    assert_eq!(entries().await, [""; 0]);
    let taken = ["capture order 0 900 GBP", "capture provider 900 0 GBP"];
    for _ in 0..2 {
        save(stage, &intent(1, captured.clone())).await;
        assert_eq!(entries().await, taken);
    }
    let given_back = ["refund order 900 0 GBP", "refund provider 0 900 GBP"];
    for _ in 0..2 {
        save(stage, &intent(1, refunded.clone())).await;
        assert_eq!(entries().await, [taken, given_back].concat());
    }
    // What was taken behind our back is booked whole.
    save(stage, &intent(2, refunded.clone())).await;
    save(stage, &intent(3, IntentState::Accepted)).await;
    save(stage, &intent(3, refunded)).await;
    assert_eq!(entries().await, [taken, given_back, taken, given_back, taken, given_back].concat());

    let stray = Capture { id: CaptureId::new("cap_2"), amount: Money::new(7, Currency::GBP) };
    stage.commit(async |tx| stage.ports.ledger.book_stray(tx, OrderId(4), &stray).await).await;
    for _ in 0..2 {
        stage.commit(async |tx| stage.ports.ledger.stray_is_refunded(tx, OrderId(4), &stray.id).await).await;
    }
    let stray =
        ["capture provider 7 0 GBP", "capture stray 0 7 GBP", "refund provider 0 7 GBP", "refund stray 7 0 GBP"];
    assert_eq!(entries().await[12..], stray);
}
