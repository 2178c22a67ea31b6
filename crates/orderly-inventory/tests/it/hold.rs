//! An order is held as a whole, in product order, or not at all.

use std::collections::BTreeMap;

use orderly_contracts::{ProductId, Quantity};
use orderly_inventory::domain::{Held, Shortage, Shortages, Stock, hold_all};
use proptest::prelude::*;

fn stock(available: i64) -> Stock {
    Stock::new(available, 0, 0).unwrap()
}

fn warehouse(available: &[(i64, i64)]) -> BTreeMap<ProductId, Stock> {
    available.iter().map(|&(product, units)| (ProductId(product), stock(units))).collect()
}

fn hold(lines: &[(i64, i64)], available: &[(i64, i64)]) -> Result<Vec<Held>, Shortages> {
    let lines = lines.iter().map(|&(product, units)| (ProductId(product), Quantity::new(units).unwrap()));
    hold_all(lines, &warehouse(available))
}

#[test]
fn lines_are_summed_by_product_and_held_in_product_order() {
    let held = hold(&[(9, 1), (2, 3), (9, 4)], &[(2, 10), (9, 5)]).unwrap();
    let shown: Vec<_> = held.iter().map(|held| (held.product.0, held.units, held.after.available())).collect();
    assert_eq!(shown, [(2, 3, 7), (9, 5, 0)]);
}

#[test]
fn every_shortage_is_named_and_nothing_is_held() {
    let shortages = hold(&[(1, 1), (2, 3), (9, 4), (9, 2)], &[(1, 1), (2, 2), (9, 5)]).unwrap_err();
    assert_eq!(
        shortages.as_slice(),
        [
            Shortage { product: ProductId(2), wanted: 3, available: 2 },
            Shortage { product: ProductId(9), wanted: 6, available: 5 },
        ]
    );
}

#[test]
fn a_product_without_stock_falls_short() {
    let shortages = hold(&[(3, 1)], &[]).unwrap_err();
    assert_eq!(shortages.as_slice(), [Shortage { product: ProductId(3), wanted: 1, available: 0 }]);
}

proptest! {
    /// Either every unit asked for is held, or some product really falls short.
    #[test]
    fn all_or_nothing(
        lines in prop::collection::vec((0_i64..5, 1_i64..10), 1..12),
        available in prop::collection::vec(0_i64..40, 5),
    ) {
        let available: Vec<_> = (0..).zip(available).collect();
        let wanted = |product| -> i64 {
            lines.iter().filter(|line| line.0 == product).map(|line| line.1).sum()
        };
        match hold(&lines, &available) {
            Ok(held) => {
                prop_assert!(held.is_sorted_by(|left, right| left.product < right.product));
                prop_assert_eq!(
                    held.iter().map(|held| held.units).sum::<i64>(),
                    lines.iter().map(|line| line.1).sum::<i64>()
                );
                for held in held {
                    prop_assert_eq!(held.units, wanted(held.product.0));
                    prop_assert_eq!(held.after.reserved(), held.units);
                }
            }
            Err(shortages) => {
                prop_assert!(!shortages.as_slice().is_empty());
                for short in shortages.as_slice() {
                    prop_assert_eq!(short.wanted, wanted(short.product.0));
                    prop_assert!(short.wanted > short.available);
                }
            }
        }
    }
}
