//! A steady stream: each order is placed at its time, whatever became of those before it.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use wharf::{Clock, SystemClock, Tenant};

use crate::{
    resident::Resident,
    shop::{Engine, Shop},
};

const ORDERS_PER_SECOND: u64 = 183;
const PAYMENT_DELAY: Duration = Duration::from_secs(5);
const PRODUCTS: usize = 100;

pub(crate) async fn measure(quick: bool) {
    let length = Duration::from_secs(if quick { 30 } else { 300 });
    let shop = Shop::open(Engine::Postgres, PAYMENT_DELAY).await;
    let products = shop.stock(PRODUCTS, 1_000_000).await;
    let (door, before, since) = (shop.door(), Resident::from_here(), SystemClock.now());
    println!("steady: {ORDERS_PER_SECOND} orders/s for {length:?}, each paid for after {PAYMENT_DELAY:?}");

    let began = Instant::now();
    let orders = length.as_secs() * ORDERS_PER_SECOND;
    let mut placing = JoinSet::new();
    let mut at_once_max = 0;
    for order in 0..orders {
        let due = began + Duration::from_nanos(order * 1_000_000_000 / ORDERS_PER_SECOND);
        tokio::time::sleep_until(due.into()).await;
        if order % (ORDERS_PER_SECOND * length.as_secs() / 6) == 0 {
            report(&shop, &before, began, order).await;
        }
        let (door, product) = (door.clone(), products[order as usize % products.len()]);
        placing.spawn(async move { door.place(product).await });
        while placing.try_join_next().is_some() {}
        at_once_max = at_once_max.max(placing.len());
    }
    placing.join_all().await;
    let placed = began.elapsed();
    report(&shop, &before, began, orders).await;
    while shop.under_way().await > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let pace = shop.ports.overview.pace(&Tenant::default(), since).await.unwrap();
    println!(
        "  {orders} orders placed in {:.1} s, up to {at_once_max} at once; the last at its end after {:.1} s: {:.0} orders/s; \
         from placing to the door p50 {:.2} s, p99 {:.2} s; {:.1} commits an order; memory {}",
        placed.as_secs_f64(),
        began.elapsed().as_secs_f64(),
        orders as f64 / began.elapsed().as_secs_f64(),
        pace.median.as_secs_f64(),
        pace.percentile_99.as_secs_f64(),
        shop.ports.commits() as f64 / orders as f64,
        before.growth(),
    );
    shop.close().await;
}

async fn report(shop: &Shop, before: &Resident, began: Instant, placed: u64) {
    let (connections, open) = shop.connections().await.unwrap_or_default();
    println!(
        "  after {:>5.1} s: {placed} placed, {} under way, {connections} connections, {open} of them in a transaction, memory {}",
        began.elapsed().as_secs_f64(),
        shop.under_way().await,
        before.growth(),
    );
}
