//! The orders module on the memory engine, beside a book, a catalog and neighbours that only take note.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use orderly_contracts::{
    Currency, CustomerId, Money, OrderId, ProductId, ReturnNumber,
    catalog::{Catalog, ProductView},
    inventory::{InventoryCommitRequested, InventoryReleaseRequested, InventoryReservationRequested},
    notifications::NotificationRequested,
    orders::{Line, OrderReturned, PlacedOrder},
    payments::{PaymentInquiryRequested, PaymentProcessingRequested, PaymentVoidRequested},
    shipping::{OrderShippingRequested, ShipmentCancelRequested},
};
use orderly_orders::{
    Book, OrderChange, Ports, Returns, Settings, StoredOrder, StoredReturn,
    domain::{Draft, DraftLine, ItemReturn, NewOrder, OrderLine, OrderStatus, SoldLine},
};
use uuid::Uuid;
use wharf::{
    Failure, Memory, Message, Module, Msg, Result, Tenant, Timestamp, Tx, Worker,
    testing::{Harness, ManualClock},
};

/// A book in memory.
#[derive(Default)]
pub(crate) struct FakeBook {
    orders: Mutex<BTreeMap<OrderId, StoredOrder>>,
    references: Mutex<BTreeMap<String, OrderId>>,
    /// Of all orders, with their references.
    returns: Mutex<Vec<(OrderId, String, StoredReturn)>>,
    /// What the next sweep finds.
    pub(crate) stale: Mutex<Vec<OrderId>>,
}

impl FakeBook {
    pub(crate) fn put(&self, order: StoredOrder) {
        self.orders.lock().unwrap().insert(order.placed.order_id, order);
    }

    pub(crate) fn status(&self, order: OrderId) -> Option<OrderStatus> {
        self.orders.lock().unwrap().get(&order).map(|order| order.status)
    }
}

#[async_trait]
impl Book for FakeBook {
    async fn place(&self, _: &mut Tx, order: &NewOrder, reference: Option<&str>) -> Result<(StoredOrder, bool)> {
        let mut orders = self.orders.lock().unwrap();
        let known = reference.and_then(|reference| self.references.lock().unwrap().get(reference).copied());
        if let Some(known) = known {
            return Ok((orders[&known].clone(), false));
        }
        let id = OrderId(1 + i64::try_from(orders.len()).unwrap());
        let lines = order.lines().iter().map(|line| Line { product: line.product, quantity: line.quantity }).collect();
        let placed =
            PlacedOrder { order_id: id, customer: order.customer(), lines, total: order.total(), ..placed(id) };
        let stored = StoredOrder { placed, status: OrderStatus::Pending };
        orders.insert(id, stored.clone());
        reference.map(|reference| self.references.lock().unwrap().insert(reference.to_owned(), id));
        Ok((stored, true))
    }

    async fn find(&self, _: &mut Tx, order: OrderId) -> Result<Option<StoredOrder>> {
        Ok(self.orders.lock().unwrap().get(&order).cloned())
    }

    async fn apply(&self, _: &mut Tx, order: OrderId, change: &OrderChange) -> Result {
        let mut orders = self.orders.lock().unwrap();
        let stored = orders.get_mut(&order).ok_or_else(|| Failure::dead_letter("no such order"))?;
        stored.status = match change {
            OrderChange::Validated => OrderStatus::Validated,
            OrderChange::PaymentStarted => OrderStatus::PaymentProcessing,
            OrderChange::Paid { .. } => OrderStatus::Paid,
            OrderChange::Shipped { .. } => OrderStatus::Shipped,
            OrderChange::Delivered => OrderStatus::Delivered,
            OrderChange::Cancelled { .. } => OrderStatus::Cancelled,
            OrderChange::Expired => OrderStatus::Expired,
            OrderChange::Halted { .. } | OrderChange::GoesOn => stored.status,
        };
        Ok(())
    }

    async fn note_cancellation(&self, _: &mut Tx, _: OrderId, _: Option<&str>) -> Result {
        Ok(())
    }

    async fn stale(&self, _: &mut Tx, _: Duration, _: u32) -> Result<Vec<OrderId>> {
        Ok(std::mem::take(&mut *self.stale.lock().unwrap()))
    }

    async fn count_stale(&self, _: &mut Tx, _: Duration) -> Result<u64> {
        Ok(self.stale.lock().unwrap().len() as u64)
    }
}

/// Every line costs 129.99 USD a unit.
#[async_trait]
impl Returns for FakeBook {
    async fn sold(&self, _: &mut Tx, order: OrderId) -> Result<Vec<SoldLine>> {
        let returns = self.returns.lock().unwrap();
        let back = returns.iter().filter(|(of, ..)| *of == order).flat_map(|(.., stored)| stored.items.lines());
        let back: Vec<_> = back.collect();
        let orders = self.orders.lock().unwrap();
        let lines = (1..).zip(&orders[&order].placed.lines);
        let sold = lines.map(|(place, line)| SoldLine {
            place,
            line: OrderLine {
                product: line.product,
                quantity: line.quantity,
                unit_price: Money::new(12_999, Currency::USD),
            },
            returned: back.iter().filter(|back| back.place == place).map(|back| back.units).sum(),
        });
        Ok(sold.collect())
    }

    async fn find(&self, _: &mut Tx, order: OrderId, reference: &str) -> Result<Option<StoredReturn>> {
        let returns = self.returns.lock().unwrap();
        let mut found = returns.iter().filter(|(of, called, _)| *of == order && called == reference);
        Ok(found.next().map(|(.., stored)| stored.clone()))
    }

    async fn add(&self, _: &mut Tx, order: OrderId, reference: &str, items: &ItemReturn) -> Result<ReturnNumber> {
        let mut returns = self.returns.lock().unwrap();
        let before = returns.iter().filter(|(of, ..)| *of == order).count();
        let number = ReturnNumber(1 + i64::try_from(before).unwrap());
        returns.push((order, reference.to_owned(), StoredReturn { number, items: items.clone() }));
        Ok(number)
    }
}

/// A catalog of product 1 at 129.99 USD.
struct OneProduct;

#[async_trait]
impl Catalog for OneProduct {
    async fn products(&self, _: &Tenant, ids: &[ProductId]) -> Result<BTreeMap<ProductId, ProductView>> {
        let price = Money::new(12_999, Currency::USD);
        let known = ids.iter().filter(|id| **id == ProductId(1));
        let view = |id: &ProductId| ProductView { id: *id, sku: "A".to_owned(), name: "Lamp".to_owned(), price };
        Ok(known.map(|id| (*id, view(id))).collect())
    }
}

/// The facts of an order of one lamp.
pub(crate) fn placed(order: OrderId) -> PlacedOrder {
    PlacedOrder {
        order_id: order,
        correlation: Uuid::nil(),
        customer: CustomerId(2),
        lines: vec![Line { product: ProductId(1), quantity: orderly_contracts::Quantity::ONE }],
        total: Money::new(12_999, Currency::USD),
        created_at: Timestamp::from_micros(0),
    }
}

/// A draft of so many of a product, at the price the client believes in.
pub(crate) fn draft(product: i64, quantity: i64, price: Option<i64>) -> Draft {
    let unit_price = price.map(|minor| Money::new(minor, Currency::USD));
    Draft {
        customer: CustomerId(2),
        currency: Currency::USD,
        status: None,
        lines: vec![DraftLine { product: ProductId(product), quantity, unit_price }],
    }
}

/// Takes a message and does nothing with it.
async fn take_note<M: Message>(_: Msg<M>) -> Result {
    Ok(())
}

/// The module in its harness, with its ports.
pub(crate) async fn open(trust_client_prices: bool) -> (Harness, Ports, Arc<FakeBook>) {
    let clock = ManualClock::new();
    let book = Arc::new(FakeBook::default());
    let settings = Settings { trust_client_prices, ..Settings::default() };
    let ports = Ports { book: book.clone(), returns: book.clone(), catalog: Arc::new(OneProduct), settings };
    let neighbours = Module::new("neighbours", ()).endpoint("neighbours", |endpoint| {
        endpoint
            .consume("reserve", take_note::<InventoryReservationRequested>)
            .consume("release", take_note::<InventoryReleaseRequested>)
            .consume("commit", take_note::<InventoryCommitRequested>)
            .consume("pay", take_note::<PaymentProcessingRequested>)
            .consume("inquire", take_note::<PaymentInquiryRequested>)
            .consume("void", take_note::<PaymentVoidRequested>)
            .consume("ship", take_note::<OrderShippingRequested>)
            .consume("call-back", take_note::<ShipmentCancelRequested>)
            .consume("notify", take_note::<NotificationRequested>)
            .consume("take-back", take_note::<OrderReturned>)
    });
    let engine = Memory::with_clock(clock.clone());
    let worker = Worker::new(engine).module(orderly_orders::module(ports.clone())).module(neighbours);
    (Harness::start(worker, clock).await, ports, book)
}
