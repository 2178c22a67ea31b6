//! The golden of the published language. A change here is a change for every client and every message that still waits.

use orderly_contracts::{
    CaptureId, Currency, CustomerId, Money, OrderId, ProductId, Quantity, ReturnFate, ReturnNumber, TrackingNumber,
    inventory::*, notifications::*, orders::*, payments::*, shipping::*,
};
use wharf::{Message, Timestamp};

const ORDER: OrderId = OrderId(42);
const CUSTOMER: CustomerId = CustomerId(7);
const TOTAL: Money = Money::new(129_999, Currency::USD);

/// `kind name key body`, after showing that the body reads back.
fn wire<M: Message + PartialEq + std::fmt::Debug>(message: M) -> String {
    let body = serde_json::to_string(&message).unwrap();
    assert_eq!(serde_json::from_str::<M>(&body).unwrap(), message);
    format!("{:?} {} {}\n{body}\n", M::KIND, M::NAME, message.key())
}

fn lines() -> Vec<Line> {
    vec![Line { product: ProductId(1), quantity: Quantity::ONE }]
}

fn placed() -> PlacedOrder {
    PlacedOrder {
        order_id: ORDER,
        correlation: uuid::Uuid::nil(),
        customer: CUSTOMER,
        lines: lines(),
        total: TOTAL,
        created_at: Timestamp::from_micros(1_700_000_000_000_000),
    }
}

#[test]
fn orders_says_this() {
    let item = OrderedItem { product_id: ProductId(1), quantity: Quantity::ONE, unit_price: TOTAL };
    let problem = OrderProblem {
        field: "items[0].productId".to_owned(),
        code: "unknown-product".to_owned(),
        message: "Product 1 does not exist.".to_owned(),
    };
    let returned = [(Quantity::ONE, ReturnFate::Restock), (Quantity::ONE, ReturnFate::WriteOff)]
        .map(|(quantity, fate)| ReturnedLine { product: ProductId(1), quantity, fate });
    let said = [
        wire(OrderCreatedEvent {
            order_id: ORDER,
            user_id: CUSTOMER,
            items: vec![item],
            product_id: Some(ProductId(1)),
            total: TOTAL,
        }),
        wire(OrderValidated { order: placed() }),
        wire(OrderInvalid { order: placed(), problems: vec![problem] }),
        wire(OrderCompletedEvent { order_id: ORDER, user_id: CUSTOMER, total: TOTAL }),
        wire(OrderTimeoutEvent { order_id: ORDER }),
        wire(OrderExpiredEvent { order_id: ORDER, user_id: CUSTOMER, cause: ExpiryCause::Stale }),
        wire(OrderExpiredEvent { order_id: ORDER, user_id: CUSTOMER, cause: ExpiryCause::Overdue }),
        wire(OrderCancellationRequested { order_id: ORDER, reference: None }),
        wire(OrderCancellationRequested { order_id: ORDER, reference: Some("C536379".to_owned()) }),
        wire(OrderReturned {
            order_id: ORDER,
            return_number: ReturnNumber(1),
            lines: returned.to_vec(),
            refund: TOTAL,
        }),
    ];
    insta::assert_snapshot!(said.concat(), @r#"
    Event orders.order-created order:42
    {"orderId":42,"userId":7,"items":[{"productId":1,"quantity":1,"unitPrice":{"minor":129999,"currency":"USD"}}],"productId":1,"total":{"minor":129999,"currency":"USD"}}
    Event orders.order-validated order:42
    {"order":{"orderId":42,"correlation":"00000000-0000-0000-0000-000000000000","customer":7,"lines":[{"product":1,"quantity":1}],"total":{"minor":129999,"currency":"USD"},"createdAtUs":1700000000000000}}
    Event orders.order-invalid order:42
    {"order":{"orderId":42,"correlation":"00000000-0000-0000-0000-000000000000","customer":7,"lines":[{"product":1,"quantity":1}],"total":{"minor":129999,"currency":"USD"},"createdAtUs":1700000000000000},"problems":[{"field":"items[0].productId","code":"unknown-product","message":"Product 1 does not exist."}]}
    Event orders.order-completed order:42
    {"orderId":42,"userId":7,"total":{"minor":129999,"currency":"USD"}}
    Event orders.order-timeout order:42
    {"orderId":42}
    Event orders.order-expired order:42
    {"orderId":42,"userId":7}
    Event orders.order-expired order:42
    {"orderId":42,"userId":7,"cause":"overdue"}
    Command orders.cancellation-requested order:42
    {"orderId":42}
    Command orders.cancellation-requested order:42
    {"orderId":42,"reference":"C536379"}
    Event orders.order-returned order:42
    {"orderId":42,"returnNumber":1,"lines":[{"product":1,"quantity":1,"fate":"restock"},{"product":1,"quantity":1,"fate":"write-off"}],"refund":{"minor":129999,"currency":"USD"}}
    "#);
}

#[test]
fn inventory_says_this() {
    let shortage = Shortage { product: ProductId(1), wanted: 2, available: 1 };
    let said = [
        wire(InventoryReservationRequested { order: ORDER, lines: lines() }),
        wire(InventoryReserved { order: ORDER }),
        wire(InventoryReservationFailed { order: ORDER, shortages: vec![shortage] }),
        wire(InventoryReleaseRequested { order: ORDER }),
        wire(InventoryReleased { order: ORDER }),
        wire(InventoryCommitRequested { order: ORDER }),
        wire(InventoryRanLow { product: ProductId(1), available: 4, reorder_level: 5 }),
    ];
    insta::assert_snapshot!(said.concat(), @r#"
    Command inventory.reservation-requested order:42
    {"order":42,"lines":[{"product":1,"quantity":1}]}
    Event inventory.reserved order:42
    {"order":42}
    Event inventory.reservation-failed order:42
    {"order":42,"shortages":[{"product":1,"wanted":2,"available":1}]}
    Command inventory.release-requested order:42
    {"order":42}
    Event inventory.released order:42
    {"order":42}
    Command inventory.commit-requested order:42
    {"order":42}
    Event inventory.ran-low product:1
    {"product":1,"available":4,"reorderLevel":5}
    "#);
}

#[test]
fn payments_says_this() {
    let said = [
        wire(PaymentProcessingRequested { order: ORDER, customer: CUSTOMER, amount: TOTAL }),
        wire(PaymentStarted { order: ORDER }),
        wire(PaymentApproved { order: ORDER, capture: CaptureId::new("cap-1"), amount: TOTAL }),
        wire(PaymentDeclined { order: ORDER, reason: "no funds".to_owned() }),
        wire(PaymentFailed { order: ORDER, reason: "timeout".to_owned() }),
        wire(PaymentDisputed { order: ORDER, reason: "taken twice".to_owned() }),
        wire(PaymentInquiryRequested { order: ORDER }),
        wire(PaymentVoidRequested { order: ORDER }),
        wire(PaymentVoided { order: ORDER }),
    ];
    insta::assert_snapshot!(said.concat(), @r#"
    Command payments.processing-requested order:42
    {"order":42,"customer":7,"amount":{"minor":129999,"currency":"USD"}}
    Event payments.started order:42
    {"order":42}
    Event payments.approved order:42
    {"order":42,"capture":"cap-1","amount":{"minor":129999,"currency":"USD"}}
    Event payments.declined order:42
    {"order":42,"reason":"no funds"}
    Event payments.failed order:42
    {"order":42,"reason":"timeout"}
    Event payments.disputed order:42
    {"order":42,"reason":"taken twice"}
    Command payments.inquiry-requested order:42
    {"order":42}
    Command payments.void-requested order:42
    {"order":42}
    Event payments.voided order:42
    {"order":42}
    "#);
}

#[test]
fn shipping_says_this() {
    let tracking = TrackingNumber::new("T-1");
    let said = [
        wire(OrderShippingRequested { order: ORDER, customer: CUSTOMER, lines: lines(), again: false }),
        wire(OrderShippingRequested { order: ORDER, customer: CUSTOMER, lines: lines(), again: true }),
        wire(OrderShipped { order: ORDER, tracking: tracking.clone() }),
        wire(OrderDelivered { order: ORDER, tracking }),
        wire(ShippingFailed { order: ORDER, reason: "no such street".to_owned() }),
        wire(ShipmentCancelRequested { order: ORDER, has_left: false }),
        wire(ShipmentCancelRequested { order: ORDER, has_left: true }),
        wire(ShipmentCancelled { order: ORDER, has_left: false }),
        wire(ShipmentCancelled { order: ORDER, has_left: true }),
    ];
    insta::assert_snapshot!(said.concat(), @r#"
    Command shipping.order-shipping-requested order:42
    {"order":42,"customer":7,"lines":[{"product":1,"quantity":1}]}
    Command shipping.order-shipping-requested order:42
    {"order":42,"customer":7,"lines":[{"product":1,"quantity":1}],"again":true}
    Event shipping.order-shipped order:42
    {"order":42,"tracking":"T-1"}
    Event shipping.order-delivered order:42
    {"order":42,"tracking":"T-1"}
    Event shipping.failed order:42
    {"order":42,"reason":"no such street"}
    Command shipping.cancel-requested order:42
    {"order":42}
    Command shipping.cancel-requested order:42
    {"order":42,"hasLeft":true}
    Event shipping.cancelled order:42
    {"order":42}
    Event shipping.cancelled order:42
    {"order":42,"hasLeft":true}
    "#);
    let before = serde_json::from_str::<ShipmentCancelled>(r#"{"order":42}"#).unwrap();
    assert_eq!(
        before,
        ShipmentCancelled { order: ORDER, has_left: false },
        "as it was said before there was the field"
    );
}

#[test]
fn notifications_hears_this() {
    let of = |notice| wire(NotificationRequested { order: ORDER, customer: CUSTOMER, notice });
    let said = [
        of(Notice::Shipped { tracking: TrackingNumber::new("T-1") }),
        of(Notice::Delivered),
        of(Notice::Cancelled { reason: "out-of-stock".to_owned() }),
    ];
    insta::assert_snapshot!(said.concat(), @r#"
    Command notifications.requested order:42
    {"order":42,"customer":7,"notice":{"type":"shipped","tracking":"T-1"}}
    Command notifications.requested order:42
    {"order":42,"customer":7,"notice":{"type":"delivered"}}
    Command notifications.requested order:42
    {"order":42,"customer":7,"notice":{"type":"cancelled","reason":"out-of-stock"}}
    "#);
}

#[test]
fn an_unknown_field_is_ignored_and_a_missing_product_id_is_none() {
    let body = r#"{"orderId":42,"userId":7,"items":[],"total":{"minor":1,"currency":"USD"},"newer":true}"#;
    assert_eq!(serde_json::from_str::<OrderCreatedEvent>(body).unwrap().product_id, None);
}
