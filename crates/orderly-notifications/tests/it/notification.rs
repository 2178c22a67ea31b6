//! The words, the facts beside them, and that both always fit their row.

use orderly_contracts::{Currency, CustomerId, Money, OrderId, TrackingNumber, orders::ExpiryCause};
use orderly_notifications::domain::{
    Fact, MESSAGE_LENGTH_MAX_CHARS, METADATA_LENGTH_MAX_CHARS, Notification, NotificationType, TYPE_LENGTH_MAX_CHARS,
    completion_email,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const ORDER: OrderId = OrderId(42);
const CUSTOMER: CustomerId = CustomerId(7);
const TOTAL: Money = Money::new(129_999, Currency::USD);

fn json_of(notification: &Notification) -> String {
    let value = |fact: &Fact| match fact {
        Fact::Number(number) => json!(number),
        Fact::Amount(amount) => json!(amount.to_string()),
        Fact::Instant(unix_us) => json!(unix_us),
        Fact::Text(text) => json!(text),
    };
    let object: Map<String, Value> =
        notification.metadata().iter().map(|(name, fact)| ((*name).to_owned(), value(fact))).collect();
    Value::Object(object).to_string()
}

fn shown(notification: &Notification) -> String {
    format!("{}: {} {}\n", notification.kind(), notification.message(), json_of(notification))
}

#[test]
fn a_customer_is_told_this() {
    let cancelled = |reason| shown(&Notification::cancelled(ORDER, CUSTOMER, reason));
    let told = [
        shown(&Notification::completed(ORDER, CUSTOMER, TOTAL)),
        shown(&Notification::expired(ORDER, CUSTOMER, ExpiryCause::Stale, 1_700_000_600_000_000)),
        shown(&Notification::expired(ORDER, CUSTOMER, ExpiryCause::Overdue, 1_700_001_800_000_000)),
        shown(&Notification::shipped(ORDER, CUSTOMER, &TrackingNumber::new("T1"))),
        shown(&Notification::delivered(ORDER, CUSTOMER)),
        cancelled("invalid"),
        cancelled("out-of-stock"),
        cancelled("payment-declined"),
        cancelled("customer"),
        cancelled("shipping-failed"),
        cancelled("a reason of tomorrow"),
    ];
    insta::assert_snapshot!(told.concat(), @r#"
    OrderCompleted: Order #42 completed successfully {"Total":"1299.99","UserId":7}
    OrderExpired: Order #42 expired after 10 minutes in Processing status {"ExpiredAt":1700000600000000,"UserId":7}
    OrderExpired: Order #42 expired: it could not be shipped within 30 minutes {"ExpiredAt":1700001800000000,"UserId":7}
    OrderShipped: Order #42 is on its way; its tracking number is T1 {"Tracking":"T1","UserId":7}
    OrderDelivered: Order #42 was delivered {"UserId":7}
    OrderCancelled: Order #42 was cancelled: it could not be accepted as it was placed {"Reason":"invalid","UserId":7}
    OrderCancelled: Order #42 was cancelled: not everything in it is in stock {"Reason":"out-of-stock","UserId":7}
    OrderCancelled: Order #42 was cancelled: the payment was declined {"Reason":"payment-declined","UserId":7}
    OrderCancelled: Order #42 was cancelled, as you asked {"Reason":"customer","UserId":7}
    OrderCancelled: Order #42 was cancelled: it could not be shipped {"Reason":"shipping-failed","UserId":7}
    OrderCancelled: Order #42 was cancelled {"Reason":"a reason of tomorrow","UserId":7}
    "#);
}

#[test]
fn the_fake_email_says_this() {
    assert_eq!(completion_email(ORDER, TOTAL), "📧 FAKE EMAIL: Order #42 completed! Total: $1299.99");
}

#[test]
fn a_type_is_read_as_it_is_written_and_fits() {
    for kind in NotificationType::ALL {
        assert_eq!(kind.as_str().parse(), Ok(kind));
        assert!(kind.as_str().len() <= TYPE_LENGTH_MAX_CHARS);
    }
    assert!("Spam".parse::<NotificationType>().is_err());
}

#[test]
fn the_worst_a_provider_can_say_fits() {
    let worst = "\u{0}".repeat(10_000);
    fits(&Notification::shipped(OrderId(i64::MIN), CustomerId(i64::MIN), &TrackingNumber::new(worst.as_str())));
    fits(&Notification::cancelled(OrderId(i64::MIN), CustomerId(i64::MIN), &worst));
}

proptest! {
    #[test]
    fn whatever_a_provider_says_fits(order: i64, customer: i64, text in ".{0,400}") {
        let (order, customer) = (OrderId(order), CustomerId(customer));
        fits(&Notification::shipped(order, customer, &TrackingNumber::new(text.as_str())));
        fits(&Notification::cancelled(order, customer, &text));
    }
}

fn fits(notification: &Notification) {
    assert!(notification.message().chars().count() <= MESSAGE_LENGTH_MAX_CHARS);
    assert!(json_of(notification).chars().count() <= METADATA_LENGTH_MAX_CHARS);
}
