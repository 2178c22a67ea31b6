//! Whole orders through every module, one delivery at a time, on a clock that is wound.

use std::time::Duration;

use orderly_catalog::{NewProduct, domain::Sku};
use orderly_contracts::{Currency, CustomerId, Money, OrderId, ProductId};
use orderly_infrastructure::audit::audit;
use orderly_orders::{
    PlaceOrder,
    domain::{Draft, DraftLine, OrderStatus},
    place_order,
};
use wharf::{Tenant, testing::Harness};

use crate::stage::Stage;

const MINUTE: Duration = Duration::from_secs(60);

/// Every module on the stage's database, in a harness.
async fn open(stage: &Stage) -> (Harness, orderly_orders::Ports, ProductId) {
    let ports = stage.ports.clone();
    let orders = orderly_orders::Ports {
        book: ports.book.clone(),
        catalog: ports.catalog.clone(),
        settings: orderly_orders::Settings::default(),
    };
    let worker = ports
        .worker()
        .module(orderly_orders::module(orders.clone()))
        .module(orderly_inventory::module(orderly_inventory::Ports {
            stockroom: ports.stockroom.clone(),
            warehouse: ports.warehouse.clone(),
            settings: orderly_inventory::Settings::default(),
        }))
        .module(orderly_payments::module(orderly_payments::Ports {
            ledger: ports.ledger.clone(),
            gateway: ports.gateway.clone(),
        }))
        .module(orderly_shipping::module(orderly_shipping::Ports {
            shipments: ports.shipments.clone(),
            carrier: ports.carrier.clone(),
        }))
        .module(orderly_notifications::module(orderly_notifications::Ports { outbox: ports.outbox.clone() }));
    let app = Harness::start(worker, stage.clock()).await;
    let mug =
        NewProduct { sku: Sku::parse("MUG").unwrap(), name: "Mug".to_owned(), price: Money::new(250, Currency::GBP) };
    let products = stage.commit_of(&Tenant::default(), async |tx| ports.products.add(tx, &[mug]).await).await;
    stage.commit_of(&Tenant::default(), async |tx| ports.warehouse.open(tx, &[(products[0], 100)]).await).await;
    (app, orders, products[0])
}

async fn place(app: &Harness, ports: &orderly_orders::Ports, product: ProductId) -> OrderId {
    let line = DraftLine { product, quantity: 2, unit_price: None };
    let draft = Draft { customer: CustomerId(7), currency: Currency::GBP, status: None, lines: vec![line] };
    let mut work = app.client().begin(&Tenant::default()).unwrap();
    let placed = place_order(ports, &mut work, &PlaceOrder { draft, reference: None }).await.unwrap();
    work.commit().await.unwrap();
    placed.order.placed.order_id
}

async fn status(stage: &Stage, order: OrderId) -> OrderStatus {
    stage.ports.orders.order(&Tenant::default(), order).await.unwrap().unwrap().status
}

/// The demo seed approves the first order.
pub(crate) async fn an_order_goes_from_the_counter_to_the_door(stage: &Stage) {
    let (mut app, ports, mug) = open(stage).await;
    let order = place(&app, &ports, mug).await;
    app.wind(10 * Duration::from_secs(1)).await;
    let transcript = app.transcript();
    insta::allow_duplicates! {
        insta::assert_snapshot!(transcript, @"
        order-created-event ← orders.order-created order:1 ⇒ orders.order-validated
        order-saga ← orders.order-validated order:1 ⇒ inventory.reservation-requested
        inventory-reservation ← inventory.reservation-requested order:1 ⇒ inventory.reserved
        order-saga ← inventory.reserved order:1 ⇒ payments.processing-requested
        payment ← payments.processing-requested order:1 ⇒ payments.started, payments.submit
        order-saga ← payments.started order:1
        payment ← payments.submit order:1 ⇒ payments.inquire in 5s
        -- 5s later
        payment ← payments.inquire order:1 ⇒ payments.approved
        order-saga ← payments.approved order:1 ⇒ orders.order-completed, shipping.order-shipping-requested
        shipping ← shipping.order-shipping-requested order:1 ⇒ shipping.order-shipped, shipping.track in 2s
        order-completed-event ← orders.order-completed order:1
        order-saga ← shipping.order-shipped order:1 ⇒ inventory.commit-requested, notifications.requested
        inventory-reservation ← inventory.commit-requested order:1
        notify ← notifications.requested order:1
        -- 2s later
        shipping ← shipping.track order:1 ⇒ shipping.order-delivered
        order-saga ← shipping.order-delivered order:1 ⇒ notifications.requested
        notify ← notifications.requested order:1
        ");
    }
    assert_eq!(status(stage, order).await, OrderStatus::Delivered);
    let report = audit(&stage.settings).await.unwrap();
    assert!(report.holds(), "{report}");
    // The parcel's and the order's long timers went with the saga.
    app.finish().await;
}

/// Half of the payments stay undecided for ever; ten minutes pass in milliseconds.
pub(crate) async fn orders_whose_payment_stays_undecided_expire_after_ten_minutes(stage: &Stage) {
    let (mut app, ports, mug) = open(stage).await;
    let mut orders = Vec::new();
    for _ in 0..12 {
        orders.push(place(&app, &ports, mug).await);
    }
    app.wind(9 * MINUTE).await;
    let mut undecided = Vec::new();
    for order in orders {
        let status = status(stage, order).await;
        if status != OrderStatus::Delivered {
            assert_eq!(status, OrderStatus::PaymentProcessing);
            undecided.push(order);
        }
    }
    assert!((1..12).contains(&undecided.len()), "{} of 12 are undecided", undecided.len());
    app.wind(3 * MINUTE).await;
    for order in undecided {
        assert_eq!(status(stage, order).await, OrderStatus::Expired);
    }
    let stock = stage.ports.warehouse.levels(&Tenant::default(), None, 10).await.unwrap()[0].stock;
    assert_eq!(stock.reserved(), 0, "what was held is given back");
    let report = audit(&stage.settings).await.unwrap();
    assert!(report.holds(), "{report}");
    app.wind(MINUTE).await;
    app.finish().await;
}
