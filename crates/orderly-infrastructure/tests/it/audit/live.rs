//! A shop at work, audited all the while: whatever moment the audit meets, it raises no false alarm.

use std::{collections::BTreeMap, time::Duration};

use orderly_catalog::{NewProduct, domain::Sku};
use orderly_contracts::{Currency, CustomerId, Money, OrderId, ProductId, ReturnFate};
use orderly_infrastructure::{Infrastructure, Simulators, audit::audit, reconciliation::reconcile};
use orderly_orders::{
    OrderFilter, OrderView, PlaceOrder, ReturnItems, cancel_order,
    domain::{Draft, DraftLine, OrderStatus, ReturnDraft, ReturnDraftLine, SoldLine},
    place_order, return_items,
};
use tokio::sync::oneshot;
use wharf::Client;

use super::shop::Shop;
use crate::{
    modules::{order_ports, worker},
    stage::{Engine, tenant},
};

const ORDERS: i64 = 120;
/// Real time: it guards against a shop that stands still, and nothing waits for it.
const RUN_DURATION_MAX: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_at_work_raises_no_false_alarm_on_sqlite() {
    a_shop_at_work_raises_no_false_alarm(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_at_work_raises_no_false_alarm_on_postgres() {
    a_shop_at_work_raises_no_false_alarm(Engine::Postgres).await;
}

async fn a_shop_at_work_raises_no_false_alarm(engine: Engine) {
    let mut shop = Shop::new(engine).await;
    shop.settings.simulators = Simulators {
        payment_delay: Duration::from_millis(30),
        approval_rate: 0.7,
        pending_rate: 0.0,
        delivery_delay: Duration::from_millis(30),
        ..Simulators::default()
    };
    let ports = Infrastructure::connect(&shop.settings).await.unwrap();
    let order_ports = order_ports(&ports);
    let worker = worker(&ports, &order_ports).await;
    let client = worker.client("a test");
    let products = open(&ports, &client).await;

    let (stop, stopped) = oneshot::channel::<()>();
    let working = tokio::spawn(worker.run_until(async { drop(stopped.await) }));
    let (returning_ports, returning_client, orders) = (order_ports.clone(), client.clone(), ports.orders.clone());
    let buying = tokio::spawn(async move {
        for number in 0..ORDERS {
            buy(&order_ports, &client, &products, number).await;
        }
    });
    // Everything that is delivered comes back, piece by piece.
    let returning = tokio::spawn(async move {
        let mut returned = 0;
        loop {
            let filter = OrderFilter { limit: ORDERS as u32, ..OrderFilter::default() };
            let seen = orders.orders(&tenant(), &filter).await.unwrap();
            for order in seen.iter().filter(|order| order.status == OrderStatus::Delivered) {
                returned += bring_back_one(&returning_ports, &returning_client, order).await;
            }
            if seen.len() == ORDERS as usize && seen.iter().all(|order| order.status.is_final()) {
                return returned;
            }
        }
    });
    let mut audits = 0;
    let statuses = tokio::time::timeout(RUN_DURATION_MAX, async {
        loop {
            let report = audit(shop.settings()).await.unwrap();
            assert!(report.holds(), "audit {audits} on {engine:?}\n{report}");
            let report = reconcile(shop.settings()).await.unwrap();
            assert!(report.agrees(), "reconciliation {audits} on {engine:?}\n{report}");
            audits += 1;
            let statuses = statuses(&ports).await;
            let over: usize = statuses.iter().filter(|(status, _)| is_final(status)).map(|(_, orders)| orders).sum();
            if over == ORDERS as usize {
                return statuses;
            }
        }
    });
    let statuses = statuses.await.expect("the shop stands still");
    buying.await.unwrap();
    assert!(returning.await.unwrap() > 0, "nothing came back");
    stop.send(()).unwrap();
    working.await.unwrap();
    ports.close().await;

    let report = audit(shop.settings()).await.unwrap();
    assert!(report.holds(), "at rest on {engine:?}\n{report}");
    assert!(audits > 1, "the shop was never seen at work");
    for status in ["Delivered", "Cancelled"] {
        assert!(statuses.contains_key(status), "{statuses:?}");
    }
    shop.close().await;
}

/// Three products; of the last there is not enough for everybody.
async fn open(ports: &Infrastructure, client: &Client) -> Vec<ProductId> {
    let product = |sku: &str| NewProduct {
        sku: Sku::parse(sku).unwrap(),
        name: sku.to_owned(),
        price: Money::new(250, Currency::GBP),
    };
    let mut work = client.begin(&tenant()).unwrap();
    let products = ports.products.add(&mut work.tx, &["MUG", "CUP", "POT"].map(product)).await.unwrap();
    let opening: Vec<_> = products.iter().copied().zip([1_000, 1_000, 20]).collect();
    ports.warehouse.open(&mut work.tx, &opening).await.unwrap();
    work.commit().await.unwrap();
    products
}

/// Places an order, and at times thinks better of it.
async fn buy(ports: &orderly_orders::Ports, client: &Client, products: &[ProductId], number: i64) {
    let wanted = if number % 3 == 0 { products } else { &products[..2] };
    let line = |&product: &ProductId| DraftLine { product, quantity: 1 + number % 2, unit_price: None };
    let wanted = PlaceOrder {
        draft: Draft {
            customer: CustomerId(7),
            currency: Currency::GBP,
            status: None,
            lines: wanted.iter().map(line).collect(),
        },
        reference: Some(format!("A-{number}")),
    };
    let mut work = client.begin(&tenant()).unwrap();
    let placed = place_order(ports, &mut work, &wanted).await.unwrap();
    work.commit().await.unwrap();
    if number % 5 == 0 {
        call_off(ports, client, placed.order.placed.order_id).await;
    }
}

/// Too late is as good an answer as any.
async fn call_off(ports: &orderly_orders::Ports, client: &Client, order: OrderId) {
    let mut work = client.begin(&tenant()).unwrap();
    match cancel_order(ports, &mut work, order, None, None).await {
        Ok(_) => work.commit().await.unwrap(),
        Err(_) => work.rollback().await.unwrap(),
    }
}

/// One unit of the first line that has one left. How many came back: at most one.
async fn bring_back_one(ports: &orderly_orders::Ports, client: &Client, order: &OrderView) -> u32 {
    let left = order.lines.iter().find(|sold| sold.returned < sold.line.quantity.units());
    let Some(SoldLine { line, returned, place }) = left.copied() else { return 0 };
    let fate = if order.id.0 % 2 == 0 { ReturnFate::Restock } else { ReturnFate::WriteOff };
    let line = ReturnDraftLine { product: line.product, quantity: 1, fate };
    let wanted = ReturnItems {
        order: order.id,
        reference: format!("R-{place}-{returned}"),
        draft: ReturnDraft { lines: vec![line] },
    };
    let mut work = client.begin(&tenant()).unwrap();
    return_items(ports, &mut work, &wanted, None).await.unwrap();
    work.commit().await.unwrap();
    1
}

async fn statuses(ports: &Infrastructure) -> BTreeMap<&'static str, usize> {
    let filter = OrderFilter { limit: ORDERS as u32, ..OrderFilter::default() };
    let orders = ports.orders.orders(&tenant(), &filter).await.unwrap();
    orders.iter().fold(BTreeMap::new(), |mut statuses, order| {
        *statuses.entry(order.status.as_str()).or_default() += 1;
        statuses
    })
}

fn is_final(status: &str) -> bool {
    status.parse::<OrderStatus>().unwrap().is_final()
}
