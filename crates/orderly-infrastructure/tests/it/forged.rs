//! Messages that somebody wrote under a tenant that is not theirs, about orders of another.

use std::time::Duration;

use orderly_contracts::{
    CaptureId, Currency, CustomerId, Money, OrderId, Quantity, ReturnFate, ReturnNumber,
    inventory::{InventoryCommitRequested, InventoryReleaseRequested, InventoryReservationRequested},
    notifications::{Notice, NotificationRequested},
    orders::{
        ExpiryCause, Line, OrderCancellationRequested, OrderCompletedEvent, OrderCreatedEvent, OrderExpiredEvent,
        OrderReturned, OrderedItem, ReturnedLine,
    },
    payments::{PaymentProcessingRequested, PaymentVoidRequested},
    shipping::{OrderShippingRequested, ShipmentCancelRequested},
};
use orderly_infrastructure::{AuditEntry, Simulators, audit::audit};
use orderly_orders::domain::OrderStatus;
use orderly_payments::{InquirePayment, PaymentNews, PaymentNotice, RefundCapture, SubmitPayment, SubmitRefund};
use orderly_shipping::TrackShipment;
use serde::{Deserialize, Serialize};
use wharf::{DeadLetterFilter, Key, Kind, Message, Tenant};

use crate::{
    pipeline::{MINUTE, open_with, place, status},
    stage::Stage,
};

fn globex() -> Tenant {
    Tenant::new("globex")
}

/// A void whose envelope says that it is about something else.
#[derive(Serialize, Deserialize)]
struct Disguised {
    order: OrderId,
}

impl Message for Disguised {
    const NAME: &'static str = PaymentVoidRequested::NAME;
    const KIND: Kind = Kind::Command;

    fn key(&self) -> Key {
        Key::new("product", 1)
    }
}

/// Everything that an order's tenant has of it.
const EVERYTHING: &str = "
SELECT 'order ' || status || ' ' || step AS row FROM orders WHERE tenant = 'default'
UNION ALL SELECT 'reservation ' || state FROM reservations WHERE tenant = 'default'
UNION ALL SELECT 'stock ' || available || ' ' || reserved FROM stock WHERE tenant = 'default'
UNION ALL SELECT 'payment ' || state || ' ' || coalesce(capture, '') FROM payments WHERE tenant = 'default'
UNION ALL SELECT 'shipment ' || state FROM shipments WHERE tenant = 'default'
UNION ALL SELECT 'notification ' || type FROM notifications WHERE tenant = 'default'
ORDER BY 1";

/// Rows that the forger would have made.
const THEIRS: &str = "
SELECT 'order' FROM orders WHERE tenant = 'globex'
UNION ALL SELECT 'reservation' FROM reservations WHERE tenant = 'globex'
UNION ALL SELECT 'movement' FROM stock_movements WHERE tenant = 'globex'
UNION ALL SELECT 'payment' FROM payments WHERE tenant = 'globex'
UNION ALL SELECT 'attempt' FROM payment_attempts WHERE tenant = 'globex'
UNION ALL SELECT 'stray' FROM payment_strays WHERE tenant = 'globex'
UNION ALL SELECT 'refund' FROM payment_refunds WHERE tenant = 'globex'
UNION ALL SELECT 'shipment' FROM shipments WHERE tenant = 'globex'
UNION ALL SELECT 'notification' FROM notifications WHERE tenant = 'globex'";

pub(crate) async fn o46_what_comes_under_another_tenant_moves_nothing_and_is_refused_and_audited(stage: &Stage) {
    let slow = Duration::from_secs(3_600);
    let simulators =
        Simulators { approval_rate: 1.0, pending_rate: 0.0, delivery_delay: slow, ..Simulators::default() };
    let (mut app, ports, mug) = open_with(stage, simulators).await;
    let order = place(&app, &ports, mug).await;
    app.wind(Duration::from_secs(6)).await;
    assert_eq!(status(stage, order).await, OrderStatus::Shipped);
    let before = stage.read(EVERYTHING).await;
    assert!(before.len() >= 7, "{before:?}");
    app.transcript();

    let (customer, number) = (CustomerId(7), ReturnNumber(1));
    let (amount, capture) = (Money::new(500, Currency::GBP), CaptureId::new("CAP-000001"));
    let quantity = Quantity::new(2).unwrap();
    let lines = vec![Line { product: mug, quantity }];
    let items = vec![OrderedItem { product_id: mug, quantity, unit_price: Money::new(250, Currency::GBP) }];
    app.switch_tenant(globex());
    app.publish(OrderCreatedEvent { order_id: order, user_id: customer, items, product_id: None, total: amount }).await;
    app.send(InventoryReservationRequested { order, lines: lines.clone() }).await;
    app.send(InventoryReleaseRequested { order }).await;
    app.send(InventoryCommitRequested { order }).await;
    app.send(PaymentProcessingRequested { order, customer, amount }).await;
    app.send(SubmitPayment { order, attempt: 1, was_made: false }).await;
    app.send(InquirePayment { order, attempt: 1 }).await;
    app.send(PaymentNotice { order, news: PaymentNews::Captured { capture: capture.clone(), amount } }).await;
    app.send(PaymentVoidRequested { order }).await;
    app.send(Disguised { order }).await;
    app.send(RefundCapture { order, capture }).await;
    app.send(SubmitRefund { order, number, attempt: 1 }).await;
    app.send(OrderShippingRequested { order, customer, lines, again: false }).await;
    app.send(ShipmentCancelRequested { order, has_left: false }).await;
    app.send(TrackShipment { order }).await;
    app.send(NotificationRequested { order, customer, notice: Notice::Delivered }).await;
    app.publish(OrderCompletedEvent { order_id: order, user_id: customer, total: amount }).await;
    app.publish(OrderExpiredEvent { order_id: order, user_id: customer, cause: ExpiryCause::Stale }).await;
    let back = ReturnedLine { product: mug, quantity, fate: ReturnFate::Restock };
    app.publish(OrderReturned { order_id: order, return_number: number, lines: vec![back], refund: amount }).await;
    app.settle().await;

    // All but two were refused at once. What is for the saga waits first, as its beginning might still come; and that an
    // order was created that does not exist is warned of and forgotten, as the sources ask.
    app.send(OrderCancellationRequested { order_id: order, reference: None }).await;
    app.wind(10 * MINUTE).await;
    let told = async || {
        let dead = app.dead_letters().await.into_iter();
        let told =
            dead.map(|dead| format!("{} {} ← {}: {}", dead.code, dead.endpoint, dead.envelope.name, dead.reason));
        let mut told: Vec<_> = told.collect();
        told.sort();
        told.join("\n")
    };
    let refused = told().await;
    insta::allow_duplicates! {
        insta::assert_snapshot!(refused, @"
        W0007 order-saga ← orders.cancellation-requested: W0007: `orders.cancellation-requested` came for order:1 of saga `orders.fulfilment`, which does not exist
        W0080 inventory-reservation ← inventory.commit-requested: tenant `globex` has no order 1
        W0080 inventory-reservation ← inventory.release-requested: tenant `globex` has no order 1
        W0080 inventory-reservation ← inventory.reservation-requested: tenant `globex` has no order 1
        W0080 inventory-reservation ← orders.order-returned: tenant `globex` has no order 1
        W0080 notify ← notifications.requested: tenant `globex` has no order 1
        W0080 order-completed-event ← orders.order-completed: tenant `globex` has no order 1
        W0080 order-expired-event ← orders.order-expired: tenant `globex` has no order 1
        W0080 payment ← orders.order-returned: tenant `globex` has no order 1
        W0080 payment ← payments.inquire: tenant `globex` has no order 1
        W0080 payment ← payments.notice: tenant `globex` has no order 1
        W0080 payment ← payments.processing-requested: tenant `globex` has no order 1
        W0080 payment ← payments.refund-capture: tenant `globex` has no order 1
        W0080 payment ← payments.submit-refund: tenant `globex` has no order 1
        W0080 payment ← payments.submit: tenant `globex` has no order 1
        W0080 payment ← payments.void-requested: tenant `globex` has no order 1
        W0080 payment ← payments.void-requested: tenant `globex` has no order 1
        W0080 shipping ← shipping.cancel-requested: tenant `globex` has no order 1
        W0080 shipping ← shipping.order-shipping-requested: tenant `globex` has no order 1
        W0080 shipping ← shipping.track: tenant `globex` has no order 1
        ");
    }
    assert_eq!(stage.read(EVERYTHING).await, before);
    assert_eq!(stage.read(THEIRS).await, Vec::<String>::new());
    let report = audit(&stage.settings).await.unwrap();
    assert!(report.holds(), "the providers were told nothing either: {report}");

    // Each of them stands in the audit log of the tenant it came under, and stays there.
    let entries = stage.ports.audit_log.entries(&globex(), None, 100).await.unwrap();
    let mut audited: Vec<_> = entries
        .iter()
        .map(|entry| format!("{} {} ← {}: {}", entry.code, entry.endpoint, entry.message, entry.reason))
        .collect();
    audited.sort();
    assert_eq!(audited.join("\n"), refused);
    let void = entries.iter().find(|entry| entry.message == "payments.void-requested" && entry.subject == "order:1");
    let AuditEntry { actor, action, .. } = void.unwrap();
    assert_eq!((actor.as_str(), action.as_str()), ("test", "message-refused"));
    assert_eq!(stage.ports.audit_log.entries(&Tenant::default(), None, 100).await.unwrap(), []);
    let page = stage.ports.audit_log.entries(&globex(), Some(entries[1].id), 2).await.unwrap();
    assert_eq!(page, entries[2..4]);
    app.client().discard(&DeadLetterFilter::default()).await.unwrap();
    for tampering in ["DELETE FROM audit_log", "UPDATE audit_log SET reason = 'nothing'"] {
        let refused = stage.try_to_write(tampering).await.unwrap_err().to_string();
        assert!(refused.contains("the audit log is only added to"), "{refused}");
    }
    assert_eq!(stage.ports.audit_log.entries(&globex(), None, 100).await.unwrap(), entries);
    app.leaving_behind();
}
