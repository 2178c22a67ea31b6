//! Taking back what came back: once, and each unit to its fate.

use std::collections::BTreeMap;

use orderly_contracts::{
    Currency, Money, OrderId, ProductId, Quantity, ReturnFate, ReturnNumber,
    orders::{OrderReturned, ReturnedLine},
};
use orderly_inventory::domain::{Stock, StockError, TakenBack, TakingBackError, take_back_all};

use crate::shop::open;

use ReturnFate::{Restock, WriteOff};

fn returned(number: i64, lines: &[(i64, i64, ReturnFate)]) -> OrderReturned {
    let line = |&(product, units, fate): &(i64, i64, ReturnFate)| ReturnedLine {
        product: ProductId(product),
        quantity: Quantity::new(units).unwrap(),
        fate,
    };
    OrderReturned {
        order_id: OrderId(7),
        return_number: ReturnNumber(number),
        lines: lines.iter().map(line).collect(),
        refund: Money::new(100, Currency::GBP),
    }
}

#[tokio::test]
async fn what_is_restocked_can_be_sold_and_what_is_written_off_cannot() {
    let (mut app, shelves) = open().await;
    app.publish(returned(1, &[(1, 2, Restock), (1, 3, WriteOff), (2, 1, WriteOff)])).await;
    app.settle().await;
    assert_eq!((shelves.level(1), shelves.level(2)), ((7, 0), (1, 0)));
    app.finish().await;
}

#[tokio::test]
async fn a_return_heard_of_twice_is_put_away_once() {
    let (mut app, shelves) = open().await;
    for _ in 0..2 {
        app.publish(returned(1, &[(1, 2, Restock)])).await;
    }
    app.publish(returned(2, &[(1, 1, Restock)])).await;
    app.settle().await;
    assert_eq!(shelves.level(1), (8, 0));
    assert_eq!(shelves.returns.lock().unwrap().len(), 2);
    app.finish().await;
}

#[tokio::test]
async fn what_has_no_shelf_is_a_dead_letter_and_nothing_is_put_away() {
    let (mut app, shelves) = open().await;
    app.publish(returned(1, &[(1, 2, Restock), (404, 1, Restock)])).await;
    app.settle().await;
    assert_eq!(shelves.level(1), (5, 0));
    assert_eq!(app.dead_letters().await.len(), 1);
    app.leaving_behind();
}

#[test]
fn lines_of_a_product_are_summed_and_a_full_shelf_is_told() {
    let stock = BTreeMap::from([(ProductId(1), Stock::new(5, 0, 0).unwrap())]);
    let lines = |lines: &[(i64, ReturnFate)]| -> Vec<_> {
        lines.iter().map(|&(units, fate)| (ProductId(1), Quantity::new(units).unwrap(), fate)).collect()
    };
    let back = take_back_all(lines(&[(2, Restock), (1, WriteOff), (3, Restock)]), &stock).unwrap();
    assert_eq!(back, [TakenBack { product: ProductId(1), restocked: 5, written_off: 1 }]);
    let full = BTreeMap::from([(ProductId(1), Stock::new(i64::MAX, 0, 0).unwrap())]);
    let refused = take_back_all(lines(&[(1, Restock)]), &full).unwrap_err();
    assert_eq!(refused, TakingBackError::Stock(StockError::Overflow));
    assert!(take_back_all(lines(&[(1, WriteOff)]), &full).is_ok(), "what is written off lies on no shelf");
}
