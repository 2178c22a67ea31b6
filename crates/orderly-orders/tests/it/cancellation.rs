//! Until when an order can be cancelled, and why it was.

use orderly_orders::domain::{CancelReason, OrderStatus};

#[test]
fn an_order_can_be_cancelled_until_a_carrier_has_it() {
    let cancellable: Vec<_> = OrderStatus::ALL.into_iter().filter(|status| status.is_cancellable()).collect();
    assert_eq!(
        cancellable,
        [OrderStatus::Pending, OrderStatus::Validated, OrderStatus::PaymentProcessing, OrderStatus::Paid]
    );
}

#[test]
fn what_a_customer_may_cancel_the_graph_allows() {
    for status in OrderStatus::ALL {
        assert!(!status.is_cancellable() || status.can_become(OrderStatus::Cancelled), "{status}");
    }
}

#[test]
fn asking_too_late_is_refused_with_the_status() {
    assert_eq!(OrderStatus::Pending.require_cancellable(), Ok(()));
    let refused = OrderStatus::Shipped.require_cancellable().unwrap_err();
    insta::assert_snapshot!(refused, @"an order that is Shipped can no longer be cancelled");
}

#[test]
fn a_reason_is_read_as_it_is_written() {
    for reason in CancelReason::ALL {
        assert_eq!(reason.as_str().parse(), Ok(reason));
    }
    assert!("boredom".parse::<CancelReason>().is_err());
}
