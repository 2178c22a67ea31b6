//! What everybody wants at once: nothing is sold twice, nobody waits in a circle, and who wants something else does not wait.

use std::time::Duration;

use futures_util::future::join_all;
use orderly_catalog::{NewProduct, domain::Sku};
use orderly_contracts::{Currency, CustomerId, Money, OrderId, ProductId};
use orderly_infrastructure::{Infrastructure, Simulators, audit::audit};
use orderly_orders::{
    PlaceOrder, Totals,
    domain::{CancelReason, Draft, DraftLine},
    place_order,
};
use tokio::sync::oneshot;
use wharf::Client;

use crate::{
    audit::shop::Shop,
    modules,
    stage::{self, Engine, Stage, tenant},
    stockroom::{hold, hold_in},
    warehouse,
};

/// Real time: it guards against a shop that stands still, and nothing waits for it.
const RUN_DURATION_MAX: Duration = Duration::from_secs(120);

/// Orders that were placed at once, and a worker that has done all that it can with them.
struct Rush {
    shop: Shop,
    ports: Infrastructure,
    products: Vec<ProductId>,
}

impl Rush {
    /// Opens a shop with so many units of each product, lets everybody in at once, and waits until `is_over`.
    async fn run(
        engine: Engine,
        approval_rate: f64,
        units: &[i64],
        orders: usize,
        wanted: impl Fn(usize, &[ProductId]) -> Vec<ProductId>,
        is_over: impl Fn(&Totals, &[(i64, i64)]) -> bool,
    ) -> Self {
        let mut shop = Shop::new(engine).await;
        shop.settings.simulators = Simulators {
            payment_delay: Duration::ZERO,
            approval_rate,
            pending_rate: 1.0 - approval_rate,
            delivery_delay: Duration::ZERO,
            ..Simulators::default()
        };
        let ports = Infrastructure::connect(&shop.settings).await.unwrap();
        let order_ports = modules::order_ports(&ports);
        let worker = modules::worker(&ports, &order_ports).await;
        let client = worker.client("a test");
        let products = open(&ports, &client, units).await;
        let (stop, stopped) = oneshot::channel::<()>();
        let working = tokio::spawn(worker.run_until(async { drop(stopped.await) }));

        join_all((0..orders).map(|order| buy(&order_ports, &client, wanted(order, &products)))).await;
        let over = async {
            loop {
                let totals = ports.overview.totals(&tenant()).await.unwrap();
                if is_over(&totals, &levels(&ports, &products).await) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(RUN_DURATION_MAX, over).await.expect("the shop stands still");
        stop.send(()).unwrap();
        working.await.unwrap();
        Self { shop, ports, products }
    }

    async fn levels(&self) -> Vec<(i64, i64)> {
        levels(&self.ports, &self.products).await
    }

    async fn close(self) {
        let report = audit(&self.shop.settings).await.unwrap();
        assert!(report.holds(), "{report}");
        self.ports.close().await;
        self.shop.close().await;
    }
}

/// Available and reserved units of each product.
async fn levels(ports: &Infrastructure, products: &[ProductId]) -> Vec<(i64, i64)> {
    let mut levels = Vec::new();
    for &product in products {
        let level = ports.warehouse.level(&tenant(), product).await.unwrap().unwrap();
        levels.push((level.stock.available(), level.stock.reserved()));
    }
    levels
}

async fn open(ports: &Infrastructure, client: &Client, units: &[i64]) -> Vec<ProductId> {
    let product = |number: usize| NewProduct {
        sku: Sku::parse(&format!("HOT-{number}")).unwrap(),
        name: "Hot".to_owned(),
        price: Money::new(250, Currency::GBP),
    };
    let new: Vec<_> = (0..units.len()).map(product).collect();
    let mut work = client.begin(&tenant()).unwrap();
    let products = ports.products.add(&mut work.tx, &new).await.unwrap();
    let opening: Vec<_> = products.iter().copied().zip(units.iter().copied()).collect();
    ports.warehouse.open(&mut work.tx, &opening).await.unwrap();
    work.commit().await.unwrap();
    products
}

async fn buy(ports: &orderly_orders::Ports, client: &Client, products: Vec<ProductId>) {
    let line = |product| DraftLine { product, quantity: 1, unit_price: None };
    let lines = products.into_iter().map(line).collect();
    let draft = Draft { customer: CustomerId(7), currency: Currency::GBP, status: None, lines };
    let mut work = client.begin(&tenant()).unwrap();
    place_order(ports, &mut work, &PlaceOrder { draft, reference: None }).await.unwrap();
    work.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o15_of_a_hundred_buyers_one_gets_the_last_unit_on_sqlite() {
    o15_of_a_hundred_buyers_one_gets_the_last_unit(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o15_of_a_hundred_buyers_one_gets_the_last_unit_on_postgres() {
    o15_of_a_hundred_buyers_one_gets_the_last_unit(Engine::Postgres).await;
}

/// The one's payment stays undecided, so that its unit stays held.
async fn o15_of_a_hundred_buyers_one_gets_the_last_unit(engine: Engine) {
    let out_of_stock = |totals: &Totals| totals.cancelled.iter().map(|(_, orders)| orders).sum::<u64>();
    let is_over = |totals: &Totals, _: &[(i64, i64)]| out_of_stock(totals) >= 99;
    let rush = Rush::run(engine, 0.0, &[1], 100, |_, products| products.to_vec(), is_over).await;
    let totals = rush.ports.overview.totals(&tenant()).await.unwrap();
    assert_eq!((totals.under_way, totals.cancelled), (1, vec![(CancelReason::OutOfStock, 99)]));
    assert_eq!(rush.levels().await, [(0, 1)]);
    rush.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o16_orders_in_opposite_order_all_go_through_on_sqlite() {
    o16_orders_in_opposite_order_all_go_through(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o16_orders_in_opposite_order_all_go_through_on_postgres() {
    o16_orders_in_opposite_order_all_go_through(Engine::Postgres).await;
}

async fn o16_orders_in_opposite_order_all_go_through(engine: Engine) {
    let wanted = |order: usize, products: &[ProductId]| {
        let mut wanted = products.to_vec();
        if order.is_multiple_of(2) {
            wanted.reverse();
        }
        wanted
    };
    // What was held for the last one is booked as shipped beside its saga.
    let is_over = |totals: &Totals, levels: &[(i64, i64)]| {
        let all_booked = levels.iter().all(|(_, reserved)| *reserved == 0);
        (totals.delivered == 60 && all_booked) || !totals.cancelled.is_empty()
    };
    let rush = Rush::run(engine, 1.0, &[60, 61], 60, wanted, is_over).await;
    let totals = rush.ports.overview.totals(&tenant()).await.unwrap();
    assert_eq!((totals.delivered, totals.orders), (60, 60));
    assert_eq!(rush.levels().await, [(0, 0), (1, 0)]);
    rush.close().await;
}

/// On SQLite one transaction writes at a time, whatever it writes.
#[tokio::test]
async fn who_wants_something_else_does_not_wait_for_a_hot_product_on_postgres() {
    stage::run(Engine::Postgres, who_wants_something_else_does_not_wait_for_a_hot_product).await;
}

async fn who_wants_something_else_does_not_wait_for_a_hot_product(stage: &Stage) {
    warehouse::open(stage, &tenant(), &[(1, 10), (2, 10)]).await;
    let mut work = stage.begin();
    assert!(hold_in(stage, &mut work.tx, OrderId(1), &[(1, 1)]).await.unwrap());
    // It has not committed: the hot product is its own for now.
    assert!(hold(stage, &tenant(), OrderId(2), &[(2, 1)]).await);
    stage.commit(async |tx| stage.ports.stockroom.give_back(tx, OrderId(2)).await).await;
    assert_eq!(warehouse::levels(stage, &tenant()).await, [(1, 10, 0), (2, 10, 0)]);
    work.commit().await.unwrap();
    assert_eq!(warehouse::levels(stage, &tenant()).await, [(1, 9, 1), (2, 10, 0)]);
}
