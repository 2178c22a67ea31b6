//! Telling customers, one delivery at a time, through an outbox in memory.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use orderly_contracts::{
    Currency, CustomerId, Money, OrderId, Tenant,
    identity::Customers,
    notifications::{Notice, NotificationRequested},
    orders::{ExpiryCause, OrderCompletedEvent, OrderExpiredEvent},
};
use orderly_notifications::{
    Mail, MailError, Mailer, Outbox, Ports, Unsent,
    domain::{Fact, Notification, NotificationType},
};
use wharf::{
    Memory, Result, Timestamp, Tx, Worker,
    testing::{Harness, ManualClock},
};

const ORDER: OrderId = OrderId(7);
const CUSTOMER: CustomerId = CustomerId(2);

#[derive(Default)]
struct FakeOutbox {
    told: Mutex<Vec<Notification>>,
    sent: Mutex<Vec<NotificationType>>,
}

impl FakeOutbox {
    fn told(&self) -> Vec<(NotificationType, String)> {
        let told = self.told.lock().unwrap();
        told.iter().map(|told| (told.kind(), told.message().to_owned())).collect()
    }
}

#[async_trait]
impl Outbox for FakeOutbox {
    async fn add(&self, _: &mut Tx, _: CustomerId, told: &Notification) -> Result<bool> {
        let mut all = self.told.lock().unwrap();
        let is_new = !all.iter().any(|before| (before.order(), before.kind()) == (told.order(), told.kind()));
        if is_new {
            all.push(told.clone());
        }
        Ok(is_new)
    }

    async fn unsent(&self, _: &Tenant, order: OrderId, kind: NotificationType) -> Result<Option<Unsent>> {
        let is_sent = self.sent.lock().unwrap().contains(&kind);
        let told = self.told.lock().unwrap();
        let found = told.iter().find(|told| !is_sent && (told.order(), told.kind()) == (order, kind));
        let unsent = |told: &Notification| Unsent {
            customer: CUSTOMER,
            message: told.message().to_owned(),
            told_at: Timestamp::from_micros(0),
        };
        Ok(found.map(unsent))
    }

    async fn is_sent(&self, _: &mut Tx, _: OrderId, kind: NotificationType) -> Result {
        self.sent.lock().unwrap().push(kind);
        Ok(())
    }
}

/// Takes what is not refused.
#[derive(Default)]
struct FakeServer {
    refusals: Mutex<Vec<MailError>>,
    taken: Mutex<Vec<Mail>>,
}

#[async_trait]
impl Mailer for FakeServer {
    async fn send(&self, mail: &Mail) -> std::result::Result<(), MailError> {
        if let Some(refusal) = self.refusals.lock().unwrap().pop() {
            return Err(refusal);
        }
        self.taken.lock().unwrap().push(mail.clone());
        Ok(())
    }
}

struct Everybody;

#[async_trait]
impl Customers for Everybody {
    async fn email_of(&self, _: &Tenant, customer: CustomerId) -> Result<Option<String>> {
        Ok((customer != CustomerId::WALK_IN).then(|| "ada@example.com".to_owned()))
    }
}

async fn open() -> (Harness, Arc<FakeOutbox>) {
    open_with(None).await
}

async fn open_with(mailer: Option<Arc<dyn Mailer>>) -> (Harness, Arc<FakeOutbox>) {
    let clock = ManualClock::new();
    let outbox = Arc::new(FakeOutbox::default());
    let ports = Ports { outbox: outbox.clone(), mailer, customers: Arc::new(Everybody) };
    let module = orderly_notifications::module(ports);
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
    let metadata = outbox.told.lock().unwrap()[0].metadata().to_vec();
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

#[tokio::test]
async fn where_mail_is_sent_each_thing_told_is_mailed_by_a_delivery_of_its_own() {
    let server = Arc::new(FakeServer::default());
    let (mut app, outbox) = open_with(Some(server.clone())).await;
    app.publish(completed()).await;
    app.publish(completed()).await;
    app.settle().await;
    insta::assert_snapshot!(app.transcript(), @"
    → orders.order-completed order:7
    → orders.order-completed order:7
    order-completed-event ← orders.order-completed order:7 ⇒ notifications.send
    mail ← notifications.send order:7
    order-completed-event ← orders.order-completed order:7
    ");
    let mail = Mail {
        to: "ada@example.com".to_owned(),
        subject: "Order #7 completed".to_owned(),
        text: "Order #7 completed successfully.\n".to_owned(),
        name: "OrderCompleted.7.default".to_owned(),
        written_at: Timestamp::from_micros(0),
    };
    assert_eq!(*server.taken.lock().unwrap(), [mail]);
    assert_eq!(*outbox.sent.lock().unwrap(), [NotificationType::OrderCompleted]);
    app.finish().await;
}

#[tokio::test]
async fn a_tenant_is_named_in_letters_that_a_mail_may_be_called_by() {
    let server = Arc::new(FakeServer::default());
    let (mut app, _) = open_with(Some(server.clone())).await;
    app.switch_tenant(Tenant::new("a b>@ü"));
    app.publish(completed()).await;
    app.settle().await;
    assert_eq!(server.taken.lock().unwrap()[0].name, "OrderCompleted.7.a-20-b-3e--40--fc-");
    app.finish().await;
}

#[tokio::test]
async fn a_server_that_is_away_for_four_hours_is_asked_thirteen_times_and_then_somebody_is_told() {
    let away = MailError::NotYet("the line is dead".to_owned());
    let server = Arc::new(FakeServer { refusals: Mutex::new(vec![away; 13]), ..FakeServer::default() });
    let (mut app, outbox) = open_with(Some(server.clone())).await;
    app.publish(completed()).await;
    app.wind(Duration::from_secs(4 * 3_600)).await;
    assert_eq!((app.dead_letters().await.len(), server.refusals.lock().unwrap().len()), (0, 1));
    app.wind(Duration::from_secs(2 * 3_600)).await;
    let dead = app.dead_letters().await;
    assert_eq!(dead[0].reason, "the mail server did not take it yet: the line is dead");
    assert_eq!(outbox.told().len(), 1, "what was told stays told");
    assert_eq!(*outbox.sent.lock().unwrap(), []);
    app.leaving_behind();
}
