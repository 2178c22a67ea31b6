//! What can come back: a draft becomes a return, or shows every problem at once.

use std::collections::BTreeMap;

use orderly_contracts::{Currency, Money, ProductId, Quantity, ReturnFate};
use orderly_orders::domain::{
    ItemReturn, NotReturnable, OrderLimits, OrderLine, OrderStatus, Problems, ReturnDraft, ReturnDraftLine, SoldLine,
};
use proptest::prelude::*;

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

/// Lines of an order: product, units, price, units that are back.
fn sold(lines: &[(i64, i64, i64, i64)]) -> Vec<SoldLine> {
    let line = |(place, &(product, units, price, returned)): (i64, &(i64, i64, i64, i64))| SoldLine {
        place,
        line: OrderLine {
            product: ProductId(product),
            quantity: Quantity::new(units).unwrap(),
            unit_price: usd(price),
        },
        returned,
    };
    (1..).zip(lines).map(line).collect()
}

fn draft(lines: &[(i64, i64, ReturnFate)]) -> ReturnDraft {
    let line = |&(product, quantity, fate)| ReturnDraftLine { product: ProductId(product), quantity, fate };
    ReturnDraft { lines: lines.iter().map(line).collect() }
}

fn parse(draft: &ReturnDraft, sold: &[SoldLine]) -> Result<ItemReturn, Problems> {
    ItemReturn::parse(draft, sold, &OrderLimits::default())
}

/// `field code message`, a line each.
fn shown(problems: &Problems) -> String {
    let problems = problems.as_slice().iter();
    problems.map(|problem| format!("{} {} {}\n", problem.field, problem.code, problem.message)).collect()
}

use ReturnFate::{Restock, WriteOff};

#[test]
fn what_comes_back_is_paid_back_at_the_orders_own_price() {
    let sold = sold(&[(1, 5, 250, 0), (2, 1, 1_000, 0)]);
    let back = parse(&draft(&[(1, 2, Restock), (2, 1, WriteOff), (1, 1, Restock)]), &sold).unwrap();
    assert_eq!(back.refund(), usd(3 * 250 + 1_000));
    assert_eq!(back.units(), BTreeMap::from([((ProductId(1), Restock), 3), ((ProductId(2), WriteOff), 1)]));
}

#[test]
fn a_product_at_several_prices_comes_back_in_the_order_of_its_lines() {
    let sold = sold(&[(1, 2, 250, 1), (2, 1, 1_000, 0), (1, 5, 200, 0)]);
    let back = parse(&draft(&[(1, 3, Restock)]), &sold).unwrap();
    let places: Vec<_> = back.lines().iter().map(|line| (line.place, line.units, line.unit_price)).collect();
    assert_eq!(places, [(1, 1, usd(250)), (3, 2, usd(200))]);
    assert_eq!(back.refund(), usd(250 + 2 * 200));
}

#[test]
fn every_problem_is_told_with_its_line() {
    let sold = sold(&[(1, 5, 250, 3), (2, 1, 1_000, 0)]);
    let wanted = draft(&[(1, 1, Restock), (3, 1, Restock), (2, 0, Restock), (1, 2, WriteOff), (2, i64::MAX, Restock)]);
    insta::assert_snapshot!(shown(&parse(&wanted, &sold).unwrap_err()), @"
    items[1].productId not-in-order Product 3 is none of this order's.
    items[2].quantity quantity-not-positive The quantity must be at least 1, not 0.
    items[3].quantity more-than-is-left Of product 1 1 can still be returned, not 2.
    items[4].quantity more-than-is-left Of product 2 1 can still be returned, not 9223372036854775807.
    ");
}

#[test]
fn a_return_of_nothing_and_one_of_too_many_lines_are_refused() {
    let sold = sold(&[(1, 5, 250, 0)]);
    insta::assert_snapshot!(shown(&parse(&draft(&[]), &sold).unwrap_err()), @"items no-items A return has at least one item.");
    let limits = OrderLimits { lines_max: 1, ..OrderLimits::default() };
    let many = ItemReturn::parse(&draft(&[(1, 1, Restock), (1, 1, Restock)]), &sold, &limits).unwrap_err();
    insta::assert_snapshot!(shown(&many), @"items too-many-items A return has at most 1 items.");
}

#[test]
fn a_refund_beyond_any_amount_is_a_problem_and_no_overflow() {
    let sold = sold(&[(1, 2, i64::MAX, 0)]);
    let refused = parse(&draft(&[(1, 2, Restock)]), &sold).unwrap_err();
    insta::assert_snapshot!(shown(&refused), @"items total-too-large The refund is too large to be an amount.");
}

#[test]
fn only_of_what_the_customer_has_something_can_come_back() {
    for status in OrderStatus::ALL {
        let allowed = status.require_returnable();
        assert_eq!(allowed.is_ok(), status == OrderStatus::Delivered, "{status}");
        if let Err(refused) = allowed {
            assert_eq!(refused, NotReturnable { status });
        }
    }
    assert_eq!(NotReturnable::CODE, "not-returnable");
}

#[test]
fn the_same_wish_is_known_again_however_it_is_divided() {
    let sold = sold(&[(1, 5, 250, 0), (2, 1, 1_000, 0)]);
    let wanted = draft(&[(1, 3, Restock), (2, 1, WriteOff)]);
    let back = parse(&wanted, &sold).unwrap();
    assert!(back.is_what_is_wanted_by(&wanted));
    assert!(back.is_what_is_wanted_by(&draft(&[(2, 1, WriteOff), (1, 1, Restock), (1, 2, Restock)])));
    for other in [
        draft(&[(1, 3, Restock)]),
        draft(&[(1, 3, WriteOff), (2, 1, WriteOff)]),
        draft(&[(1, 5, Restock), (1, -2, Restock), (2, 1, WriteOff)]),
        draft(&[(1, i64::MAX, Restock), (1, i64::MAX, Restock), (2, 1, WriteOff)]),
        draft(&[]),
    ] {
        assert!(!back.is_what_is_wanted_by(&other), "{other:?}");
    }
}

fn any_sold() -> impl Strategy<Value = Vec<SoldLine>> {
    prop::collection::vec((1..4_i64, 1..9_i64, 1..500_i64), 1..6).prop_map(|lines| {
        sold(&lines.iter().map(|&(product, units, price)| (product, units, price, 0)).collect::<Vec<_>>())
    })
}

fn any_draft() -> impl Strategy<Value = ReturnDraft> {
    let fate = prop::sample::select(ReturnFate::ALL.to_vec());
    let quantity = prop_oneof![9 => -1..8_i64, 1 => any::<i64>()];
    prop::collection::vec((1..5_i64, quantity, fate), 0..5).prop_map(|lines| draft(&lines))
}

proptest! {
    /// However often and however wildly is asked, no line comes back that was not shipped, and no penny that was not paid.
    #[test]
    fn no_more_comes_back_than_was_sold(sold in any_sold(), drafts in prop::collection::vec(any_draft(), 1..12)) {
        let mut sold = sold;
        let paid: i64 = sold.iter().map(|sold| sold.line.quantity.units() * sold.line.unit_price.minor).sum();
        let mut refunded = 0;
        for draft in drafts {
            let Ok(back) = parse(&draft, &sold) else { continue };
            prop_assert!(back.is_what_is_wanted_by(&draft));
            prop_assert!(back.lines().iter().all(|line| line.units > 0));
            let sum: i64 = back.lines().iter().map(|line| line.units * line.unit_price.minor).sum();
            prop_assert_eq!(back.refund(), usd(sum));
            for line in back.lines() {
                let place = usize::try_from(line.place).unwrap() - 1;
                sold[place].returned += line.units;
                prop_assert_eq!(sold[place].line.product, line.product);
                prop_assert_eq!(sold[place].line.unit_price, line.unit_price);
                prop_assert!(sold[place].returned <= sold[place].line.quantity.units());
            }
            refunded += sum;
        }
        prop_assert!(refunded <= paid);
    }

    /// Whoever brings everything back, in whatever portions, gets back exactly what it cost.
    #[test]
    fn who_returns_everything_gets_everything_back(sold in any_sold(), portion in 1..4_i64) {
        let mut sold = sold;
        let paid: i64 = sold.iter().map(|sold| sold.line.quantity.units() * sold.line.unit_price.minor).sum();
        let mut refunded = 0;
        for product in 1..4 {
            loop {
                let of_product = sold.iter().filter(|sold| sold.line.product == ProductId(product));
                let left: i64 = of_product.map(|sold| sold.line.quantity.units() - sold.returned).sum();
                if left == 0 {
                    break;
                }
                let back = parse(&draft(&[(product, portion.min(left), Restock)]), &sold).unwrap();
                back.lines().iter().for_each(|line| sold[usize::try_from(line.place).unwrap() - 1].returned += line.units);
                refunded += back.refund().minor;
            }
        }
        prop_assert_eq!(refunded, paid);
    }
}
