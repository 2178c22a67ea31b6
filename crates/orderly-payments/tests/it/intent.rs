//! Money is taken at most once, at most the total, and never for an order that has given up.

use orderly_contracts::{CaptureId, Currency, Money, OrderId};
use orderly_payments::domain::{Change, Intent, IntentError, IntentNumber, IntentState, PaymentKey};
use proptest::prelude::*;

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

fn intent() -> Intent {
    Intent::request(PaymentKey { order: OrderId(42), intent: IntentNumber::FIRST }, usd(100)).unwrap()
}

fn capture(id: &str) -> CaptureId {
    CaptureId::new(id)
}

#[test]
fn an_approved_payment_is_paid_in_full() {
    let mut intent = intent();
    assert_eq!(intent.capture(capture("a"), usd(100)), Ok(Change::Moved));
    assert!(intent.is_paid_in_full());
    assert_eq!(intent.captured(), usd(100));
}

#[test]
fn an_accepted_payment_is_captured_later() {
    let mut intent = intent();
    assert_eq!(intent.accept(), Change::Moved);
    assert_eq!(intent.accept(), Change::Repeated);
    assert_eq!(intent.captured(), usd(0));
    assert_eq!(intent.capture(capture("a"), usd(100)), Ok(Change::Moved));
}

#[test]
fn the_same_capture_may_be_told_twice() {
    let mut intent = intent();
    intent.capture(capture("a"), usd(100)).unwrap();
    assert_eq!(intent.capture(capture("a"), usd(100)), Ok(Change::Repeated));
    assert_eq!(intent.accept(), Change::Repeated);
}

#[test]
fn a_second_capture_is_money_to_give_back() {
    let mut intent = intent();
    intent.capture(capture("a"), usd(100)).unwrap();
    let twice = intent.capture(capture("b"), usd(100)).unwrap_err();
    assert_eq!(twice.code(), "captured-twice");
    insta::assert_snapshot!(twice, @"capture b took 1.00 again after capture a");
    assert_eq!(intent.captured(), usd(100));
}

#[test]
fn more_than_the_total_is_never_ours() {
    for amount in [usd(101), usd(0), usd(-1), Money::new(100, Currency::GBP)] {
        let mut intent = intent();
        let refused = intent.capture(capture("a"), amount).unwrap_err();
        assert_eq!(refused, IntentError::AmountRefused { capture: capture("a"), amount, total: usd(100) });
        assert_eq!(*intent.state(), IntentState::Requested);
    }
}

#[test]
fn a_capture_after_the_void_is_late_and_to_be_refunded() {
    let mut intent = intent();
    assert_eq!(intent.void(), Ok(Change::Moved));
    let late = intent.capture(capture("a"), usd(100)).unwrap_err();
    assert_eq!(late, IntentError::LateCapture { capture: capture("a"), amount: usd(100) });
    insta::assert_snapshot!(late, @"capture a of 1.00 came after the intent had ended, and is to be refunded");
    assert_eq!(*intent.state(), IntentState::Voided);
}

#[test]
fn a_declined_payment_stays_declined() {
    let mut intent = intent();
    assert_eq!(intent.decline("no funds"), Ok(Change::Moved));
    assert_eq!(intent.decline("no funds"), Ok(Change::Repeated));
    assert_eq!(intent.void(), Ok(Change::Repeated));
    assert_eq!(*intent.state(), IntentState::Declined { reason: "no funds".to_owned() });
    assert_eq!(intent.capture(capture("a"), usd(100)).unwrap_err().code(), "late-capture");
}

#[test]
fn what_was_taken_can_be_neither_voided_nor_declined() {
    let mut intent = intent();
    intent.capture(capture("a"), usd(100)).unwrap();
    let taken = Err(IntentError::AlreadyCaptured { capture: capture("a") });
    assert_eq!(intent.void(), taken);
    assert_eq!(intent.decline("too late"), taken);
}

#[test]
fn an_order_that_costs_nothing_asks_for_no_payment() {
    let key = PaymentKey { order: OrderId(1), intent: IntentNumber::FIRST };
    assert_eq!(Intent::request(key, usd(0)), Err(IntentError::NothingToTake { total: usd(0) }));
}

proptest! {
    /// Whatever the provider says, what we keep is at most the total, and once an intent has ended it never changes.
    #[test]
    fn an_end_is_an_end(said in prop::collection::vec((0..4_u8, 0..2_u8, -5_i64..110), 0..20)) {
        let mut intent = intent();
        let mut end = None;
        for (what, id, amount) in said {
            match what {
                0 => drop(intent.accept()),
                1 => drop(intent.capture(capture(&id.to_string()), usd(amount))),
                2 => drop(intent.decline("no")),
                _ => drop(intent.void()),
            }
            prop_assert!((0..=100).contains(&intent.captured().minor));
            let ended = !matches!(intent.state(), IntentState::Requested | IntentState::Accepted);
            if let Some(end) = &end {
                prop_assert_eq!(end, intent.state());
            } else if ended {
                end = Some(intent.state().clone());
            }
        }
    }
}
