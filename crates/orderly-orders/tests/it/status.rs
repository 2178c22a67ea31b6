//! The graph of an order's life.

use orderly_orders::domain::{IllegalTransition, OrderStatus, check_history};
use proptest::prelude::*;

use OrderStatus::*;

#[test]
fn the_graph_is_this() {
    let graph: String = OrderStatus::ALL
        .into_iter()
        .map(|status| format!("{status} ({}) -> {:?}\n", status.phase(), status.successors()))
        .collect();
    insta::assert_snapshot!(graph, @r"
    Pending (pending) -> [Validated, Cancelled, Expired]
    Validated (processing) -> [PaymentProcessing, Cancelled, Expired]
    PaymentProcessing (processing) -> [Paid, Cancelled, Expired]
    Paid (completed) -> [Shipped, Cancelled, Expired]
    Shipped (completed) -> [Delivered]
    Delivered (completed) -> []
    Cancelled (cancelled) -> []
    Expired (expired) -> []
    ");
}

#[test]
fn an_order_cannot_skip_or_return_or_stay() {
    assert_eq!(Pending.to(Validated), Ok(Validated));
    for (from, to) in [(Pending, Paid), (Paid, Pending), (Paid, Paid), (Shipped, Cancelled), (Expired, Paid)] {
        assert_eq!(from.to(to), Err(IllegalTransition { from, to }));
    }
    insta::assert_snapshot!(Delivered.to(Cancelled).unwrap_err(), @"an order that is Delivered cannot become Cancelled");
}

#[test]
fn a_history_begins_as_pending_and_follows_the_graph() {
    assert_eq!(check_history(&[]), Ok(()));
    assert_eq!(check_history(&[Pending, Validated, PaymentProcessing, Paid, Shipped, Delivered]), Ok(()));
    assert_eq!(check_history(&[Paid]), Err(IllegalTransition { from: Pending, to: Paid }));
    assert_eq!(check_history(&[Pending, Expired, Paid]), Err(IllegalTransition { from: Expired, to: Paid }));
}

#[test]
fn a_status_is_read_as_it_is_written() {
    for status in OrderStatus::ALL {
        assert_eq!(status.as_str().parse(), Ok(status));
    }
    assert!("pending".parse::<OrderStatus>().is_err());
}

proptest! {
    /// Wherever one goes, a final status is reached, within five steps, and nothing follows it.
    #[test]
    fn every_walk_ends(choices in prop::collection::vec(any::<prop::sample::Index>(), 5)) {
        let mut walk = vec![Pending];
        for choice in choices {
            let successors = walk.last().unwrap().successors();
            if successors.is_empty() {
                break;
            }
            walk.push(*choice.get(successors));
        }
        prop_assert_eq!(check_history(&walk), Ok(()));
        let last = *walk.last().unwrap();
        prop_assert!(last.is_final());
        for next in OrderStatus::ALL {
            prop_assert!(!last.can_become(next));
        }
    }
}
