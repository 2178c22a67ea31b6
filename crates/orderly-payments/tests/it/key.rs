//! One intent has one key, and one key one text.

use orderly_contracts::{OrderId, ReturnNumber};
use orderly_payments::domain::{IntentNumber, PaymentKey, RefundKey, UnknownPaymentKey};

#[test]
fn a_key_names_its_order_and_intent() {
    let key = PaymentKey { order: OrderId(42), intent: IntentNumber::FIRST };
    assert_eq!(key.to_string(), "pay:42:1");
    assert_eq!("pay:42:1".parse(), Ok(key));
}

#[test]
fn no_other_text_means_it() {
    for text in ["", "pay:", "pay:42", "pay:42:", "pay:42:01", "pay:+42:1", "pay:42:1:1", "ship:42:1", " pay:42:1"] {
        assert_eq!(text.parse::<PaymentKey>(), Err(UnknownPaymentKey), "{text:?}");
    }
}

#[test]
fn a_key_of_a_refund_names_its_order_and_return() {
    assert_eq!(RefundKey { order: OrderId(42), number: ReturnNumber(3) }.to_string(), "refund:42:3");
}
