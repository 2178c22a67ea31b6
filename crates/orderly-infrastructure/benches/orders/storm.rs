//! A storm: all orders at once, for one product, and for comparison the same orders over a hundred products.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};

use crate::shop::{Engine, Shop};

const TAKES: usize = 3;
/// Orders that are being placed at once.
const PLACING: usize = 64;
const PRODUCTS: usize = 100;

pub(crate) async fn measure(quick: bool) {
    let orders = if quick { 500 } else { 3_000 };
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let (mut hot, mut spread) = (Vec::new(), Vec::new());
        for _ in 0..TAKES {
            hot.push(orders_per_minute(engine, 1, orders).await);
            spread.push(orders_per_minute(engine, PRODUCTS, orders).await);
        }
        let (hot, spread) = (median(hot), median(spread));
        println!(
            "storm of {orders} orders, {engine:?}: one product {hot:.0}/min, {PRODUCTS} products {spread:.0}/min, \
             ratio {:.2} (aim: one product at least 2000/min)",
            hot / spread
        );
    }
}

/// From the first order that is placed to the last that is delivered. There is one unit for each, and none is left.
async fn orders_per_minute(engine: Engine, products: usize, orders: usize) -> f64 {
    let shop = Shop::open(engine, Duration::ZERO).await;
    let products = shop.stock(products, (orders / products) as i64).await;
    let door = shop.door();
    let began = Instant::now();
    stream::iter(0..orders)
        .for_each_concurrent(PLACING, |order| {
            let (door, product) = (&door, products[order % products.len()]);
            async move { door.place(product).await }
        })
        .await;
    while shop.under_way().await > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let took = began.elapsed();
    shop.close().await;
    orders as f64 / took.as_secs_f64() * 60.0
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
