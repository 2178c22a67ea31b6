//! Reserving, releasing and committing, one delivery at a time, on shelves in memory.

use orderly_contracts::{
    OrderId, ProductId,
    inventory::{InventoryCommitRequested, InventoryReleaseRequested},
};
use orderly_inventory::domain::Stock;

use crate::shop::{open, reserve};

#[tokio::test]
async fn a_reservation_holds_every_line() {
    let (mut app, shelves) = open().await;
    app.send(reserve(7, &[(1, 2), (2, 1)])).await;
    app.settle().await;
    assert_eq!((shelves.level(1), shelves.level(2)), ((3, 2), (0, 1)));
    assert!(app.transcript().contains("⇒ inventory.reserved"));
    app.finish().await;
}

#[tokio::test]
async fn o17_when_one_line_lacks_stock_nothing_is_held() {
    let (mut app, shelves) = open().await;
    app.send(reserve(7, &[(1, 2), (2, 2)])).await;
    app.settle().await;
    assert_eq!((shelves.level(1), shelves.level(2)), ((5, 0), (1, 0)));
    assert!(app.transcript().contains("⇒ inventory.reservation-failed"));
    app.finish().await;
}

#[tokio::test]
async fn a_reservation_asked_for_twice_is_held_once() {
    let (mut app, shelves) = open().await;
    app.send(reserve(7, &[(1, 2)])).await;
    app.send(reserve(7, &[(1, 2)])).await;
    app.settle().await;
    assert_eq!(shelves.level(1), (3, 2));
    app.finish().await;
}

/// Found by the check of the fulfilment saga: nobody would ever give back what the second request held.
#[tokio::test]
async fn a_reservation_that_was_refused_holds_nothing_when_asked_for_again() {
    let (mut app, shelves) = open().await;
    app.send(reserve(7, &[(2, 2)])).await;
    app.settle().await;
    shelves.stock.lock().unwrap().insert(ProductId(2), Stock::new(9, 0, 0).unwrap());
    app.send(reserve(7, &[(2, 2)])).await;
    app.settle().await;
    assert_eq!(shelves.level(2), (9, 0));
    app.finish().await;
}

#[tokio::test]
async fn o19_a_second_release_gives_nothing_back() {
    let (mut app, shelves) = open().await;
    app.send(reserve(7, &[(1, 2)])).await;
    app.settle().await;
    for _ in 0..2 {
        app.send(InventoryReleaseRequested { order: OrderId(7) }).await;
        app.settle().await;
    }
    assert_eq!(shelves.level(1), (5, 0));
    app.finish().await;
}

#[tokio::test]
async fn o20_a_release_that_comes_before_its_reservation_keeps_it_from_holding() {
    let (mut app, shelves) = open().await;
    app.send(InventoryReleaseRequested { order: OrderId(7) }).await;
    app.settle().await;
    app.send(reserve(7, &[(1, 2)])).await;
    app.settle().await;
    assert_eq!(shelves.level(1), (5, 0));
    assert!(app.transcript().contains("⇒ inventory.reservation-failed"));
    app.finish().await;
}

#[tokio::test]
async fn committed_stock_leaves_the_shelf_once() {
    let (mut app, shelves) = open().await;
    app.send(reserve(7, &[(1, 2)])).await;
    app.settle().await;
    for _ in 0..2 {
        app.send(InventoryCommitRequested { order: OrderId(7) }).await;
        app.settle().await;
    }
    assert_eq!(shelves.level(1), (3, 0));
    app.finish().await;
}

#[tokio::test]
async fn releasing_what_has_left_is_a_dead_letter() {
    let (mut app, _) = open().await;
    app.send(reserve(7, &[(1, 2)])).await;
    app.send(InventoryCommitRequested { order: OrderId(7) }).await;
    app.send(InventoryReleaseRequested { order: OrderId(7) }).await;
    app.settle().await;
    let letters = app.dead_letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].code, "W0004");
    app.leaving_behind();
}
