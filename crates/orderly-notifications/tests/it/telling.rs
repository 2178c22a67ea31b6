//! Telling customers, one delivery at a time, through an outbox in memory.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use orderly_contracts::{
    Currency, CustomerId, Money, OrderId,
    notifications::{Notice, NotificationRequested},
    orders::{ExpiryCause, OrderCompletedEvent, OrderExpiredEvent},
};
use orderly_notifications::{
    Outbox, Ports,
    domain::{Fact, Notification, NotificationType},
};
use wharf::{
    Memory, Result, Tx, Worker,
    testing::{Harness, ManualClock},
};

const ORDER: OrderId = OrderId(7);
const CUSTOMER: CustomerId = CustomerId(2);

#[derive(Default)]
struct FakeOutbox(Mutex<Vec<Notification>>);

impl FakeOutbox {
    fn told(&self) -> Vec<(NotificationType, String)> {
        let told = self.0.lock().unwrap();
        told.iter().map(|told| (told.kind(), told.message().to_owned())).collect()
    }
}

#[async_trait]
impl Outbox for FakeOutbox {
    async fn add(&self, _: &mut Tx, _: CustomerId, told: &Notification) -> Result<bool> {
        let mut all = self.0.lock().unwrap();
        let is_new = !all.iter().any(|before| (before.order(), before.kind()) == (told.order(), told.kind()));
        if is_new {
            all.push(told.clone());
        }
        Ok(is_new)
    }
}

async fn open() -> (Harness, Arc<FakeOutbox>) {
    let clock = ManualClock::new();
    let outbox = Arc::new(FakeOutbox::default());
    let module = orderly_notifications::module(Ports { outbox: outbox.clone() });
    let worker = Worker::new(Memory::with_clock(clock.clone())).module(module);
    (Harness::start(worker, clock).await, outbox)
}

fn completed() -> OrderCompletedEvent {
    OrderCompletedEvent { order_id: ORDER, user_id: CUSTOMER, total: Money::new(12_999, Currency::USD) }
}

#[tokio::test]
async fn a_paid_order_is_told_once_however_often_the_event_comes() {
    let (mut app, outbox) = open().await;
    app.publish(completed()).await;
    app.publish(completed()).await;
    app.settle().await;
    assert_eq!(outbox.told(), [(NotificationType::OrderCompleted, "Order #7 completed successfully".to_owned())]);
    app.finish().await;
}

#[tokio::test]
async fn an_expired_order_is_told_with_the_moment_it_expired() {
    let (mut app, outbox) = open().await;
    let now = app.now().as_micros();
    app.publish(OrderExpiredEvent { order_id: ORDER, user_id: CUSTOMER, cause: ExpiryCause::Stale }).await;
    app.settle().await;
    let message = "Order #7 expired after 10 minutes in Processing status".to_owned();
    assert_eq!(outbox.told(), [(NotificationType::OrderExpired, message)]);
    let metadata = outbox.0.lock().unwrap()[0].metadata().to_vec();
    assert_eq!(metadata, [("UserId", Fact::Number(2)), ("ExpiredAt", Fact::Instant(now))]);
    app.finish().await;
}

#[tokio::test]
async fn what_the_saga_says_happened_is_told_one_notice_of_each_kind() {
    let (mut app, outbox) = open().await;
    let tracking = orderly_contracts::TrackingNumber::new("T1");
    for notice in [Notice::Shipped { tracking }, Notice::Delivered, Notice::Delivered] {
        app.send(NotificationRequested { order: ORDER, customer: CUSTOMER, notice }).await;
    }
    app.settle().await;
    let kinds: Vec<_> = outbox.told().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [NotificationType::OrderShipped, NotificationType::OrderDelivered]);
    app.finish().await;
}
