//! Units move between available and reserved, and none appears or vanishes.

use orderly_inventory::domain::{MovementKind, Stock, StockError};
use proptest::prelude::*;

fn stock(available: i64, reserved: i64) -> Stock {
    Stock::new(available, reserved, 0).unwrap()
}

#[test]
fn holding_moves_units_from_available_to_reserved() {
    assert_eq!(stock(5, 1).hold(2), Ok(stock(3, 3)));
    assert_eq!(stock(5, 1).hold(6), Err(StockError::Short { wanted: 6, available: 5 }));
}

#[test]
fn releasing_moves_them_back() {
    assert_eq!(stock(3, 3).release(2), Ok(stock(5, 1)));
    assert_eq!(stock(3, 3).release(4), Err(StockError::NotReserved { wanted: 4, reserved: 3 }));
}

#[test]
fn committing_takes_them_out() {
    assert_eq!(stock(3, 3).commit(3), Ok(stock(3, 0)));
    assert_eq!(stock(3, 3).commit(4), Err(StockError::NotReserved { wanted: 4, reserved: 3 }));
}

#[test]
fn receiving_adds_to_what_can_be_sold() {
    assert_eq!(stock(3, 3).receive(4), Ok(stock(7, 3)));
    assert_eq!(stock(i64::MAX, 0).receive(1), Err(StockError::Overflow));
    assert_eq!(stock(i64::MAX - 1, 1).receive(1), Err(StockError::Overflow));
}

#[test]
fn stock_is_low_at_its_reorder_level() {
    assert!(!Stock::new(6, 0, 5).unwrap().is_low());
    assert!(Stock::new(5, 9, 5).unwrap().is_low());
}

#[test]
fn counting_changes_what_can_be_sold_and_nothing_that_is_held() {
    assert_eq!(stock(3, 3).count(10), Ok(stock(7, 3)));
    assert_eq!(stock(3, 3).count(3), Ok(stock(0, 3)));
    assert_eq!(stock(3, 3).count(2), Err(StockError::BelowReserved { on_hand: 2, reserved: 3 }));
    assert_eq!(stock(3, 3).count(-1), Err(StockError::Negative));
}

#[test]
fn another_reorder_level_moves_nothing() {
    assert_eq!(stock(6, 2).reorder_at(5), Stock::new(6, 2, 5));
    assert_eq!(stock(6, 2).reorder_at(-1), Err(StockError::Negative));
}

#[test]
fn it_runs_low_on_the_way_down_to_its_reorder_level_and_only_there() {
    let level = |available| Stock::new(available, 0, 5).unwrap();
    assert!(level(6).runs_low(level(5)));
    assert!(level(9).runs_low(level(0)));
    assert!(!level(5).runs_low(level(4)), "it was low before");
    assert!(!level(5).runs_low(level(6)), "it rises");
    assert!(!level(7).runs_low(level(6)), "it is above");
    assert!(level(6).runs_low(level(6).reorder_at(6).unwrap()), "its level rises to it");
}

#[test]
fn a_kind_of_movement_is_read_as_it_is_written() {
    for kind in MovementKind::ALL {
        assert_eq!(kind.as_str().parse(), Ok(kind));
    }
    assert!("Received".parse::<MovementKind>().is_err());
}

#[test]
fn impossible_stock_is_refused() {
    assert_eq!(Stock::new(-1, 0, 0), Err(StockError::Negative));
    assert_eq!(Stock::new(0, -1, 0), Err(StockError::Negative));
    assert_eq!(Stock::new(0, 0, -1), Err(StockError::Negative));
    assert_eq!(Stock::new(i64::MAX, 1, 0), Err(StockError::Overflow));
}

proptest! {
    /// Whatever is asked of it, in whatever order, stock stays possible, and what is on hand is the sum of movements.
    #[test]
    fn no_unit_appears_or_vanishes(
        asked in prop::collection::vec((0..5_u8, prop_oneof![-2_i64..50, any::<i64>()]), 0..60)
    ) {
        let mut now = stock(100, 0);
        let mut movements = 100_i128;
        for (what, units) in asked {
            let (next, moved) = match what {
                0 => (now.hold(units), 0),
                1 => (now.release(units), 0),
                2 => (now.commit(units), -i128::from(units)),
                3 => (now.receive(units), i128::from(units)),
                _ => (now.count(units), i128::from(units) - i128::from(now.on_hand())),
            };
            if let Ok(next) = next {
                now = next;
                movements += moved;
            }
            prop_assert_eq!(Stock::new(now.available(), now.reserved(), now.reorder_level()), Ok(now));
            prop_assert_eq!(i128::from(now.on_hand()), movements);
        }
    }

    /// It runs low once for each time that it came down to its level, and was above in between.
    #[test]
    fn it_runs_low_once_per_crossing(asked in prop::collection::vec((0..5_u8, 1_i64..12), 0..60)) {
        let mut now = Stock::new(20, 0, 8).unwrap();
        let mut may_run_low = true;
        for (what, units) in asked {
            let next = match what {
                0 => now.hold(units),
                1 => now.release(units),
                2 => now.commit(units),
                3 => now.receive(units),
                _ => now.reorder_at(units),
            };
            let Ok(next) = next else { continue };
            if now.runs_low(next) {
                prop_assert!(may_run_low, "twice without having been above");
                may_run_low = false;
            }
            if !next.is_low() {
                may_run_low = true;
            }
            prop_assert_eq!(next.is_low(), !may_run_low, "it is low, and nobody said so");
            now = next;
        }
    }
}
