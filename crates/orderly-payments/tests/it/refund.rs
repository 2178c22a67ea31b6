//! All refunds of an order together are at most what was taken.

use orderly_contracts::{CaptureId, Currency, Money, OrderId, ReturnNumber};
use orderly_payments::domain::{Intent, IntentNumber, IntentState, PaymentKey, Refund, RefundError, RefundKey};
use proptest::prelude::*;

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

fn key(number: i64) -> RefundKey {
    RefundKey { order: OrderId(7), number: ReturnNumber(number) }
}

fn intent(state: IntentState) -> Intent {
    Intent::from_stored(PaymentKey { order: OrderId(7), intent: IntentNumber::FIRST }, usd(1_000), state)
}

fn captured() -> Intent {
    intent(IntentState::Captured { capture: CaptureId::new("cap-1"), amount: usd(1_000) })
}

#[test]
fn what_was_taken_can_be_given_back_in_parts() {
    let first = Refund::request(key(1), usd(400), &captured(), &[]).unwrap();
    assert_eq!((first.key(), first.amount(), first.is_made()), (key(1), usd(400), false));
    assert!(Refund::request(key(2), usd(600), &captured(), &[first]).is_ok());
    let refused = Refund::request(key(2), usd(601), &captured(), &[first]).unwrap_err();
    assert_eq!(refused, RefundError::MoreThanTaken { refunds: usd(1_001), captured: usd(1_000) });
    assert_eq!(refused.code(), "refund-more-than-taken");
}

#[test]
fn what_is_no_amount_is_not_given_back() {
    for minor in [0, -1] {
        let refused = Refund::request(key(1), usd(minor), &captured(), &[]).unwrap_err();
        assert_eq!((refused.code(), refused), ("refund-not-positive", RefundError::NotPositive { amount: usd(minor) }));
    }
    let first = Refund::from_stored(key(1), usd(1), true);
    let beyond = Refund::request(key(2), usd(i64::MAX), &captured(), &[first]).unwrap_err();
    assert_eq!(beyond.code(), "refund-amount");
    let pounds = Refund::request(key(1), Money::new(1, Currency::GBP), &captured(), &[]).unwrap_err();
    assert_eq!(pounds.code(), "refund-amount");
}

#[test]
fn of_what_was_not_taken_or_is_back_already_nothing_is_given_back() {
    let refunded = IntentState::Refunded { capture: CaptureId::new("cap-1"), amount: usd(1_000) };
    for state in [IntentState::Requested, IntentState::Accepted, IntentState::Voided, refunded] {
        let refused = Refund::request(key(1), usd(1), &intent(state), &[]).unwrap_err();
        assert_eq!(refused, RefundError::MoreThanTaken { refunds: usd(1), captured: usd(0) });
    }
}

proptest! {
    #[test]
    fn however_much_is_asked_for_no_more_is_promised_than_was_taken(amounts in prop::collection::vec(any::<i64>().prop_map(|minor| minor % 700), 1..20)) {
        let mut promised: Vec<Refund> = Vec::new();
        for (number, minor) in (1..).zip(amounts) {
            let sum: i64 = promised.iter().map(|refund| refund.amount().minor).sum();
            let asked = Refund::request(key(number), usd(minor), &captured(), &promised);
            prop_assert_eq!(asked.is_ok(), minor > 0 && sum + minor <= 1_000);
            promised.extend(asked);
        }
    }
}
