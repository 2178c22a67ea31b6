//! A worker with the inventory module alone, on shelves in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use orderly_contracts::{
    OrderId, ProductId, Quantity, ReturnNumber,
    inventory::{InventoryReleased, InventoryReservationFailed, InventoryReservationRequested, InventoryReserved},
    orders::Line,
};
use orderly_inventory::{
    MovementView, Ports, Settings, StockView, Stockroom, Warehouse,
    domain::{Held, Movement, MovementKind, ReservationState, Stock, TakenBack},
};
use wharf::{
    Memory, Message, Module, Msg, Result, Tenant, Timestamp, Tx, Worker,
    testing::{Harness, ManualClock},
};

#[derive(Default)]
pub(crate) struct Shelves {
    pub(crate) stock: Mutex<BTreeMap<ProductId, Stock>>,
    reservations: Mutex<BTreeMap<OrderId, (ReservationState, Vec<Held>)>>,
    /// What staff moved.
    pub(crate) movements: Mutex<Vec<(ProductId, Movement)>>,
    /// What came back.
    pub(crate) returns: Mutex<BTreeMap<(OrderId, ReturnNumber), Vec<TakenBack>>>,
}

impl Shelves {
    pub(crate) fn level(&self, product: i64) -> (i64, i64) {
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

    async fn take_back(&self, _: &mut Tx, order: OrderId, number: ReturnNumber, back: &[TakenBack]) -> Result {
        if self.returns.lock().unwrap().insert((order, number), back.to_vec()).is_some() {
            return Ok(());
        }
        let mut stock = self.stock.lock().unwrap();
        for back in back.iter().filter(|back| back.restocked > 0) {
            let before = stock[&back.product];
            stock.insert(back.product, before.receive(back.restocked).unwrap());
        }
        Ok(())
    }
}

/// What people only read is left to the adapters' own tests.
#[async_trait]
impl Warehouse for Shelves {
    async fn levels(&self, _: &Tenant, _: Option<ProductId>, _: u32) -> Result<Vec<StockView>> {
        let view = |(&product, &stock): (&ProductId, &Stock)| {
            let updated_at = Timestamp::from_micros(0);
            StockView { product, stock, updated_at }
        };
        Ok(self.stock.lock().unwrap().iter().map(view).collect())
    }

    async fn low(&self, tenant: &Tenant, after: Option<ProductId>, limit: u32) -> Result<Vec<StockView>> {
        let mut levels = self.levels(tenant, after, limit).await?;
        levels.retain(|level| level.stock.is_low());
        Ok(levels)
    }

    async fn count_low(&self, tenant: &Tenant) -> Result<u64> {
        Ok(self.low(tenant, None, u32::MAX).await?.len() as u64)
    }

    async fn level(&self, _: &Tenant, _: ProductId) -> Result<Option<StockView>> {
        panic!("no use case reads one level")
    }

    async fn movements(&self, _: &Tenant, _: ProductId, _: Option<i64>, _: u32) -> Result<Vec<MovementView>> {
        panic!("no use case reads movements")
    }

    async fn open(&self, _: &mut Tx, _: &[(ProductId, i64)]) -> Result {
        panic!("no use case opens shelves")
    }

    async fn put(&self, _: &mut Tx, product: ProductId, stock: Stock, movement: Option<&Movement>) -> Result {
        self.stock.lock().unwrap().insert(product, stock);
        self.movements.lock().unwrap().extend(movement.map(|movement| (product, movement.clone())));
        Ok(())
    }

    async fn receipt(&self, _: &mut Tx, product: ProductId, reference: &str) -> Result<Option<i64>> {
        let movements = self.movements.lock().unwrap();
        let mut receipts = movements.iter().filter(|(of, movement)| {
            *of == product
                && movement.kind == MovementKind::Received
                && movement.reference.as_deref() == Some(reference)
        });
        Ok(receipts.next().map(|(_, movement)| movement.units))
    }
}

async fn take_note<M: Message>(_: Msg<M>) -> Result {
    Ok(())
}

/// Shelves with five of product 1 and one of product 2.
pub(crate) async fn open() -> (Harness, Arc<Shelves>) {
    let (app, shelves, _) = open_with_ports().await;
    (app, shelves)
}

/// The same, and what the use cases of the staff need.
pub(crate) async fn open_with_ports() -> (Harness, Arc<Shelves>, Ports) {
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
    let ports = Ports { stockroom: shelves.clone(), warehouse: shelves.clone(), settings: Settings::default() };
    let module = orderly_inventory::module(ports.clone());
    let worker = Worker::new(Memory::with_clock(clock.clone())).module(module).module(saga);
    (Harness::start(worker, clock).await, shelves, ports)
}

pub(crate) fn reserve(order: i64, lines: &[(i64, i64)]) -> InventoryReservationRequested {
    let line =
        |(product, units): &(i64, i64)| Line { product: ProductId(*product), quantity: Quantity::new(*units).unwrap() };
    InventoryReservationRequested { order: OrderId(order), lines: lines.iter().map(line).collect() }
}
