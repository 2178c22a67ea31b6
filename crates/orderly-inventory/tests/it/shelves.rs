//! Reserving, releasing and committing, one delivery at a time, on shelves in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use orderly_contracts::{
    OrderId, ProductId, Quantity,
    inventory::{
        InventoryCommitRequested, InventoryReleaseRequested, InventoryReleased, InventoryReservationFailed,
        InventoryReservationRequested, InventoryReserved,
    },
    orders::Line,
};
use orderly_inventory::{
    Ports, Stockroom,
    domain::{Held, ReservationState, Stock},
};
use wharf::{
    Memory, Message, Module, Msg, Result, Tx, Worker,
    testing::{Harness, ManualClock},
};

#[derive(Default)]
struct Shelves {
    stock: Mutex<BTreeMap<ProductId, Stock>>,
    reservations: Mutex<BTreeMap<OrderId, (ReservationState, Vec<Held>)>>,
}

impl Shelves {
    fn level(&self, product: i64) -> (i64, i64) {
        let stock = self.stock.lock().unwrap()[&ProductId(product)];
        (stock.available(), stock.reserved())
    }

    fn move_stock(&self, order: OrderId, to: ReservationState, step: impl Fn(Stock, i64) -> Stock) {
        let mut reservations = self.reservations.lock().unwrap();
        let (state, held) = reservations.get_mut(&order).unwrap();
        *state = to;
        let mut stock = self.stock.lock().unwrap();
        for held in held {
            let before = stock[&held.product];
            stock.insert(held.product, step(before, held.units));
        }
    }
}

#[async_trait]
impl Stockroom for Shelves {
    async fn reservation(&self, _: &mut Tx, order: OrderId) -> Result<Option<ReservationState>> {
        Ok(self.reservations.lock().unwrap().get(&order).map(|(state, _)| *state))
    }

    async fn stock(&self, _: &mut Tx, products: &[ProductId]) -> Result<BTreeMap<ProductId, Stock>> {
        let stock = self.stock.lock().unwrap();
        Ok(products.iter().filter_map(|product| Some((*product, *stock.get(product)?))).collect())
    }

    async fn hold(&self, _: &mut Tx, order: OrderId, held: &[Held]) -> Result {
        let mut stock = self.stock.lock().unwrap();
        stock.extend(held.iter().map(|held| (held.product, held.after)));
        self.reservations.lock().unwrap().insert(order, (ReservationState::Held, held.to_vec()));
        Ok(())
    }

    async fn give_back(&self, _: &mut Tx, order: OrderId) -> Result {
        self.move_stock(order, ReservationState::Released, |stock, units| stock.release(units).unwrap());
        Ok(())
    }

    async fn leave_tombstone(&self, _: &mut Tx, order: OrderId) -> Result {
        self.reservations.lock().unwrap().insert(order, (ReservationState::Released, Vec::new()));
        Ok(())
    }

    async fn take_out(&self, _: &mut Tx, order: OrderId) -> Result {
        self.move_stock(order, ReservationState::Committed, |stock, units| stock.commit(units).unwrap());
        Ok(())
    }
}

async fn take_note<M: Message>(_: Msg<M>) -> Result {
    Ok(())
}

/// Shelves with five of product 1 and one of product 2.
async fn open() -> (Harness, Arc<Shelves>) {
    let clock = ManualClock::new();
    let shelves = Arc::new(Shelves::default());
    let opening = [(ProductId(1), Stock::new(5, 0, 0).unwrap()), (ProductId(2), Stock::new(1, 0, 0).unwrap())];
    shelves.stock.lock().unwrap().extend(opening);
    let saga = Module::new("saga", ()).endpoint("saga", |endpoint| {
        endpoint
            .consume("reserved", take_note::<InventoryReserved>)
            .consume("failed", take_note::<InventoryReservationFailed>)
            .consume("released", take_note::<InventoryReleased>)
    });
    let module = orderly_inventory::module(Ports { stockroom: shelves.clone() });
    let worker = Worker::new(Memory::with_clock(clock.clone())).module(module).module(saga);
    (Harness::start(worker, clock).await, shelves)
}

fn reserve(order: i64, lines: &[(i64, i64)]) -> InventoryReservationRequested {
    let line =
        |(product, units): &(i64, i64)| Line { product: ProductId(*product), quantity: Quantity::new(*units).unwrap() };
    InventoryReservationRequested { order: OrderId(order), lines: lines.iter().map(line).collect() }
}

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
