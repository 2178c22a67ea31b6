//! What may be placed: a draft becomes an order, or shows every problem at once.

use std::collections::BTreeMap;

use orderly_contracts::{Currency, CustomerId, Money, ProductId};
use orderly_orders::domain::{Draft, DraftLine, NewOrder, OrderLimits, Pricing, Problems, require_known_products};
use proptest::prelude::*;

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

fn line(product: i64, quantity: i64, unit_price: Option<Money>) -> DraftLine {
    DraftLine { product: ProductId(product), quantity, unit_price }
}

fn draft(lines: Vec<DraftLine>) -> Draft {
    Draft { customer: CustomerId(7), currency: Currency::USD, status: None, lines }
}

fn trusted(draft: &Draft) -> Result<NewOrder, Problems> {
    NewOrder::parse(draft, Pricing::TrustClient, &OrderLimits::default())
}

fn priced(draft: &Draft) -> Result<NewOrder, Problems> {
    let catalog = BTreeMap::from([(ProductId(1), usd(129_999)), (ProductId(2), usd(2_999))]);
    NewOrder::parse(draft, Pricing::Catalog(&catalog), &OrderLimits::default())
}

/// `field code message`, a line each.
fn shown(problems: &Problems) -> String {
    let line =
        |problem: &orderly_orders::domain::Problem| format!("{} {} {}\n", problem.field, problem.code, problem.message);
    problems.as_slice().iter().map(line).collect()
}

#[test]
fn equal_lines_become_one_and_the_total_is_their_sum() {
    let order = trusted(&draft(vec![
        line(2, 1, Some(usd(2_999))),
        line(1, 2, Some(usd(129_999))),
        line(2, 3, Some(usd(2_999))),
        line(2, 1, Some(usd(1_999))),
    ]))
    .unwrap();
    let lines: Vec<_> =
        order.lines().iter().map(|line| (line.product.0, line.quantity.units(), line.unit_price.minor)).collect();
    assert_eq!(lines, [(2, 4, 2_999), (1, 2, 129_999), (2, 1, 1_999)]);
    assert_eq!(order.total(), usd(4 * 2_999 + 2 * 129_999 + 1_999));
    assert_eq!(order.customer(), CustomerId(7));
}

#[test]
fn every_problem_is_shown_at_once_with_its_field() {
    let mut draft = draft(vec![
        line(1, 0, Some(usd(-5))),
        line(1, 100_001, Some(usd(100))),
        line(2, 1, None),
        line(2, 1, Some(Money::new(100, Currency::GBP))),
    ]);
    draft.status = Some("Paid".to_owned());
    insta::assert_snapshot!(shown(&trusted(&draft).unwrap_err()), @r"
    status status-not-pending A new order is Pending; leave the status out.
    items[0].quantity quantity-not-positive The quantity must be at least 1, not 0.
    items[0].unitPrice price-not-positive The price of a unit must be positive, not -0.05.
    items[1].quantity quantity-too-large At most 100000 of a product can be ordered at one price.
    items[2].unitPrice price-missing The price of a unit is needed.
    items[3].unitPrice mixed-currencies This order is in USD, the price in GBP.
    ");
}

#[test]
fn an_order_without_items_is_none() {
    insta::assert_snapshot!(shown(&trusted(&draft(vec![])).unwrap_err()), @"items no-items An order has at least one item.");
}

#[test]
fn a_client_may_say_pending() {
    let mut draft = draft(vec![line(1, 1, Some(usd(1)))]);
    draft.status = Some("Pending".to_owned());
    assert!(trusted(&draft).is_ok());
}

#[test]
fn the_catalogs_price_holds_where_the_client_gives_none() {
    let order = priced(&draft(vec![line(1, 1, None), line(2, 2, Some(usd(2_999)))])).unwrap();
    assert_eq!(order.total(), usd(129_999 + 2 * 2_999));
}

#[test]
fn a_price_that_moved_is_a_conflict_and_not_a_mistake() {
    let moved = priced(&draft(vec![line(1, 1, Some(usd(99_999)))])).unwrap_err();
    assert!(moved.are_only_changed_prices());
    insta::assert_snapshot!(shown(&moved), @"items[0].unitPrice price-changed The price of product 1 is 1299.99 USD.");

    let worse = priced(&draft(vec![line(1, 1, Some(usd(99_999))), line(3, 1, None)])).unwrap_err();
    assert!(!worse.are_only_changed_prices());
    insta::assert_snapshot!(shown(&worse), @r"
    items[0].unitPrice price-changed The price of product 1 is 1299.99 USD.
    items[1].productId unknown-product There is no product 3.
    ");
}

#[test]
fn too_many_items_are_not_even_read() {
    let lines = vec![line(1, 0, None); 1_001];
    insta::assert_snapshot!(shown(&trusted(&draft(lines)).unwrap_err()), @"items too-many-items An order has at most 1000 items.");
}

#[test]
fn merging_does_not_pass_the_limit_either() {
    let lines = vec![line(1, 60_000, Some(usd(1))), line(1, 60_000, Some(usd(1)))];
    insta::assert_snapshot!(shown(&trusted(&draft(lines)).unwrap_err()), @"items[1].quantity quantity-too-large At most 100000 of a product can be ordered at one price.");
}

#[test]
fn a_total_that_no_amount_holds_is_refused() {
    let lines = vec![line(1, 100_000, Some(usd(i64::MAX / 2)))];
    insta::assert_snapshot!(shown(&trusted(&draft(lines)).unwrap_err()), @"items total-too-large The total is too large to be an amount.");
}

#[test]
fn a_placed_order_may_still_name_what_does_not_exist() {
    let products = [ProductId(1), ProductId(9)];
    assert_eq!(require_known_products(&products[..1], |product| product.0 < 5), Ok(()));
    let problems = require_known_products(&products, |product| product.0 < 5).unwrap_err();
    insta::assert_snapshot!(shown(&problems), @"items[1].productId unknown-product There is no product 9.");
}

proptest! {
    /// Whatever is sent, an accepted order has kept what was asked for, and its total is the sum.
    #[test]
    fn an_accepted_order_loses_and_invents_nothing(
        lines in prop::collection::vec((0_i64..4, -1_i64..60_000, -1_i64..5), 0..20)
    ) {
        let lines: Vec<_> =
            lines.into_iter().map(|(product, quantity, price)| line(product, quantity, Some(usd(price)))).collect();
        let right = !lines.is_empty()
            && lines.iter().all(|line| line.quantity > 0 && line.unit_price.is_some_and(Money::is_positive));
        match trusted(&draft(lines.clone())) {
            Ok(order) => {
                prop_assert!(right);
                let sent: i64 = lines.iter().map(|line| line.quantity).sum();
                let kept: i64 = order.lines().iter().map(|line| line.quantity.units()).sum();
                prop_assert_eq!(kept, sent);
                let worth: i64 = lines.iter().map(|line| line.quantity * line.unit_price.unwrap().minor).sum();
                prop_assert_eq!(order.total(), usd(worth));
                for (index, line) in order.lines().iter().enumerate() {
                    prop_assert!(line.quantity.units() <= 100_000);
                    let twin = |other: &orderly_orders::domain::OrderLine| {
                        (other.product, other.unit_price) == (line.product, line.unit_price)
                    };
                    prop_assert!(!order.lines()[..index].iter().any(twin));
                }
            }
            Err(problems) => {
                prop_assert!(!problems.as_slice().is_empty());
                let too_large = |problem: &orderly_orders::domain::Problem| problem.code.as_str() == "quantity-too-large";
                prop_assert!(!right || problems.as_slice().iter().all(too_large));
            }
        }
    }
}
