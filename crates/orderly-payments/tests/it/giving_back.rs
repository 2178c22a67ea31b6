//! Giving back a part for a return, by a provider that may lose its answers or be down for long.

use std::{sync::Arc, time::Duration};

use orderly_contracts::{
    Money, ProductId, Quantity, ReturnFate, ReturnNumber,
    orders::{OrderReturned, ReturnedLine},
};
use orderly_payments::{Answer, Settings};
use wharf::testing::Harness;

use crate::till::{FakeLedger, ORDER, ScriptedGateway, Trouble, capture, open, request, total};

fn returned(number: i64, minor: i64) -> OrderReturned {
    let line = ReturnedLine { product: ProductId(1), quantity: Quantity::ONE, fate: ReturnFate::Restock };
    OrderReturned {
        order_id: ORDER,
        return_number: ReturnNumber(number),
        lines: vec![line],
        refund: Money::new(minor, total().currency),
    }
}

/// With an order that is paid.
async fn open_paid() -> (Harness, Arc<FakeLedger>, Arc<ScriptedGateway>) {
    let (mut app, ledger, gateway) = open().await;
    gateway.submits.lock().unwrap().push_back(Ok(Answer::Approved(capture())));
    app.send(request()).await;
    app.settle().await;
    gateway.asked.lock().unwrap().clear();
    app.transcript();
    (app, ledger, gateway)
}

#[tokio::test]
async fn a_refund_is_on_record_before_the_provider_is_asked() {
    let (mut app, ledger, gateway) = open_paid().await;
    app.publish(returned(1, 999)).await;
    app.settle().await;
    insta::assert_snapshot!(app.transcript(), @"
    → orders.order-returned order:7
    payment ← orders.order-returned order:7 ⇒ payments.submit-refund
    payment ← payments.submit-refund order:7
    ");
    assert_eq!(gateway.asked(), ["refund part refund:7:1"]);
    assert_eq!(ledger.refunds(), "refund:7:1 of 9.99 made");
    assert_eq!(ledger.refund_attempts(1), "approved");
    app.finish().await;
}

#[tokio::test]
async fn a_return_heard_of_twice_is_paid_back_once() {
    let (mut app, ledger, gateway) = open_paid().await;
    app.publish(returned(1, 999)).await;
    app.publish(returned(1, 999)).await;
    app.settle().await;
    assert_eq!(gateway.asked(), ["refund part refund:7:1"]);
    assert_eq!(ledger.refunds(), "refund:7:1 of 9.99 made");
    app.finish().await;
}

#[tokio::test]
async fn each_return_of_an_order_is_paid_back() {
    let (mut app, ledger, _) = open_paid().await;
    app.publish(returned(1, 999)).await;
    app.publish(returned(2, 12_000)).await;
    app.settle().await;
    assert_eq!(ledger.refunds(), "refund:7:1 of 9.99 made, refund:7:2 of 120.00 made");
    app.finish().await;
}

#[tokio::test]
async fn a_return_worth_more_than_was_taken_is_a_dead_letter() {
    let (mut app, ledger, gateway) = open_paid().await;
    app.publish(returned(1, 12_000)).await;
    app.publish(returned(2, 1_000)).await;
    app.settle().await;
    assert_eq!(gateway.asked(), ["refund part refund:7:1"]);
    assert_eq!(ledger.refunds(), "refund:7:1 of 120.00 made");
    assert_eq!(app.dead_letters().await.len(), 1);
    app.leaving_behind();
}

#[tokio::test]
async fn after_a_lost_answer_the_provider_is_asked_what_it_gave_back_before_it_is_asked_to_do_it() {
    let (mut app, ledger, gateway) = open_paid().await;
    gateway.trouble.lock().unwrap().push_back(Trouble::AnswerLost);
    app.publish(returned(1, 999)).await;
    app.wind(Duration::from_secs(2)).await;
    assert_eq!(gateway.asked(), ["refund part refund:7:1", "inquire refund:7:1"]);
    assert_eq!(ledger.refunds(), "refund:7:1 of 9.99 made");
    assert_eq!(ledger.refund_attempts(1), "lost, approved");
    app.finish().await;
}

#[tokio::test]
async fn a_refund_the_provider_never_heard_of_is_repeated_under_the_same_key() {
    let (mut app, ledger, gateway) = open_paid().await;
    gateway.trouble.lock().unwrap().push_back(Trouble::Down);
    app.publish(returned(1, 999)).await;
    app.wind(Duration::from_secs(2)).await;
    assert_eq!(gateway.asked(), ["refund part refund:7:1", "inquire refund:7:1", "refund part refund:7:1"]);
    assert_eq!(ledger.refund_attempts(1), "missed, approved");
    app.finish().await;
}

#[tokio::test]
async fn o31_a_provider_that_is_down_for_long_is_asked_again_and_again_and_no_refund_is_lost() {
    let (mut app, ledger, gateway) = open_paid().await;
    gateway.trouble.lock().unwrap().extend([Trouble::Down; 20]);
    app.publish(returned(1, 999)).await;
    app.wind(Duration::from_secs(60)).await;
    let asked = |gateway: &ScriptedGateway| gateway.asked().iter().filter(|call| call.starts_with("refund")).count();
    assert_eq!(asked(&gateway), 4, "at once, and after 1, 3 and 7 seconds");
    let period = Settings::default().refund_period;
    for times in 1..=16 {
        app.wind(period).await;
        assert_eq!(asked(&gateway), 4 + times);
        assert_eq!(ledger.refunds(), "refund:7:1 of 9.99 open");
    }
    app.wind(period).await;
    assert_eq!(ledger.refunds(), "refund:7:1 of 9.99 made");
    assert!(ledger.refund_attempts(1).ends_with("lost, lost, missed, approved"));
    app.finish().await;
}

#[tokio::test]
async fn a_provider_that_gave_back_another_amount_leaves_the_refund_open() {
    let (mut app, ledger, gateway) = open_paid().await;
    gateway.trouble.lock().unwrap().push_back(Trouble::Contradiction);
    app.publish(returned(1, 999)).await;
    app.wind(Duration::from_secs(60)).await;
    assert_eq!(
        gateway.asked().iter().filter(|call| call.starts_with("refund")).count(),
        1,
        "nothing is given back again"
    );
    assert_eq!(ledger.refunds(), "refund:7:1 of 9.99 open");
    app.leaving_behind();
}
