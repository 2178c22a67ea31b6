//! Whole orders through every module, one delivery at a time, on a clock that is wound.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use orderly_catalog::{NewProduct, domain::Sku};
use orderly_contracts::{CaptureId, Currency, CustomerId, Money, OrderId, ProductId};
use orderly_infrastructure::{Settings, Simulators, audit::audit, simulators};
use orderly_inventory::Stockroom;
use orderly_orders::{
    OrderView, PlaceOrder, cancel_order,
    domain::{CancelReason, Draft, DraftLine, OrderStatus},
    place_order,
};
use orderly_payments::{
    Answer, GatewayError, Inquiry, PaymentGateway, Voided,
    domain::{PaymentKey, RefundKey},
};
use orderly_shipping::Carrier;
use wharf::{
    Clock, Tenant, Timestamp,
    testing::{Harness, ManualClock},
};

use crate::stage::Stage;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// Every module on the stage's database, in a harness.
pub(crate) async fn open(stage: &Stage) -> (Harness, orderly_orders::Ports, ProductId) {
    open_with(stage, stage.settings.simulators.clone()).await
}

/// The same beside other providers.
pub(crate) async fn open_with(stage: &Stage, simulators: Simulators) -> (Harness, orderly_orders::Ports, ProductId) {
    let settings = Settings { simulators, ..stage.settings.clone() };
    let providers = simulators::open(&settings).await.unwrap();
    open_between(stage, providers.gateway, providers.carrier).await
}

/// The same between any providers.
pub(crate) async fn open_between(
    stage: &Stage,
    gateway: Arc<dyn PaymentGateway>,
    carrier: Arc<dyn Carrier>,
) -> (Harness, orderly_orders::Ports, ProductId) {
    open_over(stage, orderly_orders::Settings::default(), stage.ports.stockroom.clone(), gateway, carrier).await
}

/// The same over any stockroom, with other settings for orders.
pub(crate) async fn open_over(
    stage: &Stage,
    settings: orderly_orders::Settings,
    stockroom: Arc<dyn Stockroom>,
    gateway: Arc<dyn PaymentGateway>,
    carrier: Arc<dyn Carrier>,
) -> (Harness, orderly_orders::Ports, ProductId) {
    let ports = stage.ports.clone();
    let orders = orderly_orders::Ports {
        book: ports.book.clone(),
        returns: ports.returns.clone(),
        catalog: ports.catalog.clone(),
        settings,
    };
    let worker = ports
        .worker()
        .module(orderly_orders::module(orders.clone()))
        .module(
            orderly_inventory::module(orderly_inventory::Ports {
                stockroom,
                warehouse: ports.warehouse.clone(),
                settings: orderly_inventory::Settings::default(),
            })
            .guard(ports.guard.clone()),
        )
        .module(
            orderly_payments::module(orderly_payments::Ports {
                ledger: ports.ledger.clone(),
                refunds: ports.refunds.clone(),
                gateway,
                settings: orderly_payments::Settings::default(),
            })
            .guard(ports.guard.clone()),
        )
        .module(
            orderly_shipping::module(orderly_shipping::Ports {
                shipments: ports.shipments.clone(),
                carrier,
                settings: orderly_shipping::Settings::default(),
            })
            .guard(ports.guard.clone()),
        )
        .module(
            orderly_notifications::module(orderly_notifications::Ports {
                outbox: ports.outbox.clone(),
                mailer: ports.mailer.clone(),
                customers: ports.customers.clone(),
            })
            .guard(ports.guard.clone()),
        );
    let app = Harness::start(worker, stage.clock()).await;
    let mug =
        NewProduct { sku: Sku::parse("MUG").unwrap(), name: "Mug".to_owned(), price: Money::new(250, Currency::GBP) };
    let products = stage.commit_of(&Tenant::default(), async |tx| ports.products.add(tx, &[mug]).await).await;
    stage.commit_of(&Tenant::default(), async |tx| ports.warehouse.open(tx, &[(products[0], 100)]).await).await;
    (app, orders, products[0])
}

pub(crate) async fn place(app: &Harness, ports: &orderly_orders::Ports, product: ProductId) -> OrderId {
    let line = DraftLine { product, quantity: 2, unit_price: None };
    let draft = Draft { customer: CustomerId(7), currency: Currency::GBP, status: None, lines: vec![line] };
    let mut work = app.client().begin(&Tenant::default()).unwrap();
    let placed = place_order(ports, &mut work, &PlaceOrder { draft, reference: None }).await.unwrap();
    work.commit().await.unwrap();
    placed.order.placed.order_id
}

pub(crate) async fn status(stage: &Stage, order: OrderId) -> OrderStatus {
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

/// Who pays, and finds a carrier that refuses or is silent.
pub(crate) fn without_a_carrier(refusal_rate: f64, silence_rate: f64) -> Simulators {
    Simulators { approval_rate: 1.0, pending_rate: 0.0, refusal_rate, silence_rate, ..Simulators::default() }
}

pub(crate) async fn view(stage: &Stage, order: OrderId) -> OrderView {
    stage.ports.orders.order(&Tenant::default(), order).await.unwrap().unwrap()
}

async fn ask_to_cancel(app: &Harness, ports: &orderly_orders::Ports, order: OrderId) {
    let mut work = app.client().begin(&Tenant::default()).unwrap();
    cancel_order(ports, &mut work, order, None, None).await.unwrap();
    work.commit().await.unwrap();
}

/// Nothing is kept, nothing is held, and everything that must hold does.
async fn assert_undone(stage: &Stage) {
    let stock = stage.ports.warehouse.levels(&Tenant::default(), None, 10).await.unwrap()[0].stock;
    assert_eq!((stock.available(), stock.reserved()), (100, 0), "what was held is given back");
    assert_eq!(stage.read("SELECT state FROM payments").await, ["refunded"]);
    let report = audit(&stage.settings).await.unwrap();
    assert!(report.holds(), "{report}");
}

pub(crate) async fn o22_o32_when_every_answer_is_lost_everything_is_done_once(stage: &Stage) {
    let losing = Simulators { payment_lost_rate: 1.0, parcel_lost_rate: 1.0, ..without_a_carrier(0.0, 0.0) };
    let (mut app, ports, mug) = open_with(stage, losing).await;
    let mut orders = Vec::new();
    for _ in 0..3 {
        orders.push(place(&app, &ports, mug).await);
    }
    app.wind(MINUTE).await;
    for order in orders {
        assert_eq!(status(stage, order).await, OrderStatus::Delivered);
    }
    let attempts = "SELECT order_id || ' ' || number || ' ' || state FROM payment_attempts ORDER BY order_id, number";
    let told = ["1 1 lost", "1 2 approved", "2 1 lost", "2 2 approved", "3 1 lost", "3 2 approved"];
    assert_eq!(stage.read(attempts).await, told);
    let report = audit(&stage.settings).await.unwrap();
    assert!(report.holds(), "{report}");
    app.finish().await;
}

pub(crate) async fn o33_a_refused_parcel_cancels_the_order_and_gives_everything_back(stage: &Stage) {
    let (mut app, ports, mug) = open_with(stage, without_a_carrier(1.0, 0.0)).await;
    let order = place(&app, &ports, mug).await;
    app.wind(Duration::from_secs(5)).await;
    let transcript = app.transcript();
    let (_, after) = transcript.split_once("-- 5s later").unwrap();
    insta::allow_duplicates! {
        insta::assert_snapshot!(after.trim_start(), @"
        payment ← payments.inquire order:1 ⇒ payments.approved
        order-saga ← payments.approved order:1 ⇒ orders.order-completed, shipping.order-shipping-requested
        shipping ← shipping.order-shipping-requested order:1 ⇒ shipping.failed
        order-completed-event ← orders.order-completed order:1
        order-saga ← shipping.failed order:1 ⇒ shipping.cancel-requested
        shipping ← shipping.cancel-requested order:1 ⇒ shipping.cancelled
        order-saga ← shipping.cancelled order:1 ⇒ payments.void-requested, notifications.requested
        payment ← payments.void-requested order:1 ⇒ payments.voided
        notify ← notifications.requested order:1
        order-saga ← payments.voided order:1 ⇒ inventory.release-requested
        inventory-reservation ← inventory.release-requested order:1 ⇒ inventory.released
        order-saga ← inventory.released order:1
        ");
    }
    assert_eq!(view(stage, order).await.cancel_reason, Some(CancelReason::ShippingFailed));
    assert_undone(stage).await;
    app.finish().await;
}

pub(crate) async fn o34_a_silent_carrier_is_asked_for_a_quarter_of_an_hour_and_the_parcel_called_back(stage: &Stage) {
    let (mut app, ports, mug) = open_with(stage, without_a_carrier(0.0, 1.0)).await;
    let order = place(&app, &ports, mug).await;
    app.wind(14 * MINUTE).await;
    assert_eq!(status(stage, order).await, OrderStatus::Paid);
    app.wind(2 * MINUTE).await;
    assert_eq!(view(stage, order).await.cancel_reason, Some(CancelReason::ShippingFailed));
    assert_undone(stage).await;
    // The last tries find that nothing is to leave.
    app.wind(30 * MINUTE).await;
    app.finish().await;
}

pub(crate) async fn o35_a_paid_order_is_cancelled_as_long_as_no_carrier_has_it(stage: &Stage) {
    let (mut app, ports, mug) = open_with(stage, without_a_carrier(0.0, 1.0)).await;
    let order = place(&app, &ports, mug).await;
    app.wind(MINUTE).await;
    assert_eq!(status(stage, order).await, OrderStatus::Paid);
    ask_to_cancel(&app, &ports, order).await;
    ask_to_cancel(&app, &ports, order).await;
    app.settle().await;
    assert_eq!(view(stage, order).await.cancel_reason, Some(CancelReason::Customer));
    assert_undone(stage).await;
    app.wind(30 * MINUTE).await;
    app.finish().await;
}

/// A provider that gives nothing back before its time.
pub(crate) struct ClosedTill {
    pub(crate) inner: Arc<dyn PaymentGateway>,
    pub(crate) clock: ManualClock,
    pub(crate) opens_at: Timestamp,
}

#[async_trait]
impl PaymentGateway for ClosedTill {
    async fn submit(&self, key: PaymentKey, amount: Money) -> Result<Answer, GatewayError> {
        self.inner.submit(key, amount).await
    }

    async fn inquire(&self, key: PaymentKey) -> Result<Inquiry, GatewayError> {
        self.inner.inquire(key).await
    }

    async fn void(&self, key: PaymentKey) -> Result<Voided, GatewayError> {
        self.inner.void(key).await
    }

    async fn refund(&self, key: PaymentKey) -> Result<(), GatewayError> {
        if self.clock.now() < self.opens_at {
            return Err(GatewayError("the till is closed".to_owned()));
        }
        self.inner.refund(key).await
    }

    async fn refund_capture(&self, key: PaymentKey, capture: &CaptureId) -> Result<(), GatewayError> {
        self.inner.refund_capture(key, capture).await
    }

    async fn refund_part(&self, payment: PaymentKey, refund: RefundKey, amount: Money) -> Result<(), GatewayError> {
        if self.clock.now() < self.opens_at {
            return Err(GatewayError("the till is closed".to_owned()));
        }
        self.inner.refund_part(payment, refund, amount).await
    }

    async fn inquire_refund(&self, refund: RefundKey) -> Result<Option<Money>, GatewayError> {
        self.inner.inquire_refund(refund).await
    }
}

pub(crate) async fn o31_a_refund_that_takes_hours_is_an_alarm_until_it_is_done(stage: &Stage) {
    let settings = Settings { simulators: without_a_carrier(1.0, 0.0), ..stage.settings.clone() };
    let providers = simulators::open(&settings).await.unwrap();
    let opens_at = stage.now() + 3 * 60 * MINUTE;
    let gateway = ClosedTill { inner: providers.gateway, clock: stage.clock(), opens_at };
    let (mut app, ports, mug) = open_between(stage, Arc::new(gateway), providers.carrier).await;
    let order = place(&app, &ports, mug).await;
    app.wind(5 * MINUTE).await;
    assert_eq!(view(stage, order).await.attention, None);
    app.wind(2 * 60 * MINUTE).await;
    let waiting = view(stage, order).await;
    assert_eq!(waiting.attention.unwrap().reason, "the payment cannot be given back");
    assert_eq!(waiting.cancel_reason, Some(CancelReason::ShippingFailed));
    let report = audit(&stage.settings).await.unwrap();
    assert!(report.holds(), "{report}");
    app.wind(2 * 60 * MINUTE).await;
    assert_eq!(view(stage, order).await.attention, None);
    assert_undone(stage).await;
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
