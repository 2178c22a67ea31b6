//! What customers are told is mailed: once each, by a delivery of its own, whatever the mail server does.

use std::time::Duration;

use orderly_contracts::{
    Currency, CustomerId, Money, OrderId, Role, Tenant, TrackingNumber,
    notifications::{Notice, NotificationRequested},
    orders::{ExpiryCause, OrderCompletedEvent, OrderExpiredEvent},
};
use orderly_notifications::SendNotification;
use wharf::{DeadLetterFilter, testing::Harness};

use crate::{
    log::Log,
    mail_server::{MailServer, Whim},
    stage::Stage,
    users,
};

const ORDER: OrderId = OrderId(7);
const SENT: &str = "SELECT order_id || ' ' || type FROM notifications WHERE sent_at IS NOT NULL ORDER BY id";

/// The module that tells customers, before a mail server; and a customer with an address.
async fn open(stage: &Stage) -> (Harness, MailServer, CustomerId) {
    let server = MailServer::open().await;
    let ports = orderly_notifications::Ports {
        outbox: stage.ports.outbox.clone(),
        mailer: Some(server.mail().mailer()),
        customers: stage.ports.customers.clone(),
    };
    let worker = stage.ports.worker().module(orderly_notifications::module(ports));
    let customer = users::add(stage, &Tenant::default(), Role::Customer).await.unwrap();
    (Harness::start(worker, stage.clock()).await, server, customer)
}

fn completed(customer: CustomerId) -> OrderCompletedEvent {
    OrderCompletedEvent { order_id: ORDER, user_id: customer, total: Money::new(12_999, Currency::USD) }
}

fn delivered(order: OrderId, customer: CustomerId) -> NotificationRequested {
    NotificationRequested { order, customer, notice: Notice::Delivered }
}

/// A line of each mail, the one that begins so.
fn each<'a>(mails: &'a [String], beginning: &str) -> Vec<&'a str> {
    mails.iter().map(|mail| mail.lines().find(|line| line.starts_with(beginning)).unwrap()).collect()
}

pub(crate) async fn each_thing_a_customer_is_told_is_mailed_once(stage: &Stage) {
    let log = Log::start();
    let (mut app, server, customer) = open(stage).await;
    app.publish(completed(customer)).await;
    app.publish(completed(customer)).await;
    let tracking = TrackingNumber::new("T1\r\nBcc: all@example.com");
    for notice in [Notice::Shipped { tracking }, Notice::Delivered, Notice::Cancelled { reason: "customer".to_owned() }]
    {
        app.send(NotificationRequested { order: ORDER, customer, notice }).await;
    }
    app.publish(OrderExpiredEvent { order_id: OrderId(8), user_id: customer, cause: ExpiryCause::Stale }).await;
    app.settle().await;
    let mut mails = server.taken();
    mails.sort_by_key(|mail| mail.lines().find(|line| line.starts_with("Subject")).unwrap().to_owned());
    insta::allow_duplicates! {
        insta::assert_snapshot!(each(&mails, "Subject: ").join("\n"), @"
        Subject: Order #7 cancelled
        Subject: Order #7 completed
        Subject: Order #7 delivered
        Subject: Order #7 shipped
        Subject: Order #8 expired
        ");
        insta::assert_snapshot!(each(&mails, "Message-ID: ").join("\n"), @"
        Message-ID: <OrderCancelled.7.default@shop.example>
        Message-ID: <OrderCompleted.7.default@shop.example>
        Message-ID: <OrderDelivered.7.default@shop.example>
        Message-ID: <OrderShipped.7.default@shop.example>
        Message-ID: <OrderExpired.8.default@shop.example>
        ");
        let about_completion = mails.iter().find(|mail| mail.contains("completed")).unwrap();
        let undated: Vec<_> = about_completion.lines().filter(|line| !line.starts_with("Date: ")).collect();
        insta::assert_snapshot!(undated.join("\n"), @"
        MAIL FROM:<orders@shop.example>
        RCPT TO:<ada@example.com>
        From: Orderly <orders@shop.example>
        To: ada@example.com
        Subject: Order #7 completed
        Message-ID: <OrderCompleted.7.default@shop.example>
        Auto-Submitted: auto-generated
        Content-Type: text/plain; charset=utf-8
        Content-Transfer-Encoding: 7bit

        Order #7 completed successfully.
        ");
    }
    assert!(
        mails.iter().all(|mail| !mail.lines().take_while(|line| !line.is_empty()).any(|line| line.starts_with("Bcc")))
    );
    assert_eq!(stage.read(SENT).await.len(), 5);
    assert_eq!(log.take(": mailed").len(), 5);

    // Asked for once more, however late, it stays at that.
    app.publish(completed(customer)).await;
    app.send(SendNotification { order: ORDER, kind: "OrderCompleted".to_owned() }).await;
    app.settle().await;
    assert_eq!(server.taken(), Vec::<String>::new());
    assert_eq!(log.take("FAKE EMAIL"), Vec::<String>::new());
    app.finish().await;
}

pub(crate) async fn who_has_no_address_is_told_in_the_log_alone(stage: &Stage) {
    let log = Log::start();
    let (mut app, server, _) = open(stage).await;
    app.send(delivered(ORDER, CustomerId::WALK_IN)).await;
    app.settle().await;
    assert_eq!(server.taken(), Vec::<String>::new());
    assert_eq!(log.take("not mailed: the customer has no address").len(), 1);
    assert_eq!(stage.read("SELECT type FROM notifications WHERE sent_at IS NULL").await, ["OrderDelivered"]);
    app.finish().await;
}

pub(crate) async fn a_server_that_is_away_or_busy_is_asked_again(stage: &Stage) {
    let (mut app, server, customer) = open(stage).await;
    server.next(Whim::HangUp);
    server.next(Whim::Reply("451 4.7.1 come back in a minute"));
    server.next(Whim::Reply("535 5.7.8 who are you?"));
    app.send(delivered(ORDER, customer)).await;
    app.settle().await;
    assert_eq!(stage.read(SENT).await, Vec::<String>::new());
    // After ten seconds and up to a quarter more, twice that, and twice that again.
    app.wind(Duration::from_secs(13 + 25 + 50)).await;
    assert_eq!(server.taken().len(), 1);
    assert_eq!(stage.read(SENT).await, ["7 OrderDelivered"]);
    assert_eq!(app.dead_letters().await, []);
    app.finish().await;
}

pub(crate) async fn what_a_server_refuses_for_good_is_a_dead_letter_with_its_words(stage: &Stage) {
    let (mut app, server, customer) = open(stage).await;
    server.next(Whim::Reply("550 5.1.1 <ada@example.com>: nobody of this name"));
    app.send(delivered(ORDER, customer)).await;
    app.send(delivered(OrderId(8), customer)).await;
    app.settle().await;
    let dead = app.dead_letters().await;
    let told: Vec<_> = dead.iter().map(|letter| (&*letter.endpoint, letter.reason.as_str())).collect();
    let words = "the mail server refuses it: permanent error (550): 5.1.1 <…>: nobody of this name";
    assert_eq!(told, [("mail", words)]);
    assert_eq!(stage.read(SENT).await, ["8 OrderDelivered"], "others are not held up");

    // Once it takes mail for her, it goes.
    app.redrive(&DeadLetterFilter::default()).await;
    app.settle().await;
    assert_eq!(stage.read(SENT).await, ["7 OrderDelivered", "8 OrderDelivered"]);
    app.finish().await;
}

/// The one case in which a customer gets two: they are the same to the byte, so that one can be dropped.
pub(crate) async fn a_mail_whose_receipt_was_lost_is_sent_again_as_it_was(stage: &Stage) {
    let (mut app, server, customer) = open(stage).await;
    server.next(Whim::TakeInSilence);
    app.send(delivered(ORDER, customer)).await;
    app.settle().await;
    app.wind(Duration::from_secs(13)).await;
    let mails = server.taken();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0], mails[1]);
    app.finish().await;
}
