//! Taking money, one delivery at a time, by a provider that may lose its answers.

use std::time::Duration;

use orderly_contracts::payments::PaymentVoidRequested;
use orderly_payments::{
    Answer, GatewayError, Inquiry, Voided,
    domain::{AttemptState, IntentState},
};

use crate::till::{ORDER, capture, open, pending, request};

#[tokio::test]
async fn an_approved_payment_is_on_record_before_the_provider_is_asked() {
    let (mut app, ledger, gateway) = open().await;
    gateway.submits.lock().unwrap().push_back(Ok(Answer::Approved(capture())));
    app.send(request()).await;
    app.settle().await;
    insta::assert_snapshot!(app.transcript(), @"
    → payments.processing-requested order:7
    payment ← payments.processing-requested order:7 ⇒ payments.started, payments.submit
    saga ← payments.started order:7
    payment ← payments.submit order:7 ⇒ payments.approved
    saga ← payments.approved order:7
    ");
    assert!(matches!(ledger.state(), Some(IntentState::Captured { .. })));
    assert_eq!(ledger.attempts.lock().unwrap()[&1], AttemptState::Approved);
    app.finish().await;
}

#[tokio::test]
async fn a_declined_payment_is_not_tried_again() {
    let (mut app, ledger, gateway) = open().await;
    gateway.submits.lock().unwrap().push_back(Ok(Answer::Declined { reason: "no funds".to_owned() }));
    app.send(request()).await;
    app.wind(Duration::from_secs(3_600)).await;
    assert_eq!(gateway.asked(), ["submit pay:7:1"]);
    assert_eq!(ledger.state(), Some(IntentState::Declined { reason: "no funds".to_owned() }));
    app.finish().await;
}

#[tokio::test]
async fn an_undecided_payment_is_asked_about_until_it_is_decided() {
    let (mut app, ledger, gateway) = open().await;
    gateway.submits.lock().unwrap().push_back(Ok(pending()));
    gateway.inquiries.lock().unwrap().extend([Inquiry::Known(pending()), Inquiry::Known(Answer::Approved(capture()))]);
    app.send(request()).await;
    app.wind(Duration::from_secs(10)).await;
    assert_eq!(gateway.asked(), ["submit pay:7:1", "inquire pay:7:1", "inquire pay:7:1"]);
    assert!(matches!(ledger.state(), Some(IntentState::Captured { .. })));
    app.finish().await;
}

#[tokio::test]
async fn after_a_lost_answer_the_provider_is_asked_what_it_did_before_it_is_asked_to_do_it() {
    let (mut app, ledger, gateway) = open().await;
    gateway.submits.lock().unwrap().push_back(Err(GatewayError("timeout".to_owned())));
    gateway.inquiries.lock().unwrap().push_back(Inquiry::Known(Answer::Approved(capture())));
    app.send(request()).await;
    app.wind(Duration::from_secs(2)).await;
    assert_eq!(gateway.asked(), ["submit pay:7:1", "inquire pay:7:1"]);
    assert!(matches!(ledger.state(), Some(IntentState::Captured { .. })));
    app.finish().await;
}

#[tokio::test]
async fn a_call_the_provider_never_heard_of_is_repeated_under_the_same_key() {
    let (mut app, _, gateway) = open().await;
    gateway.submits.lock().unwrap().extend([Err(GatewayError("refused".to_owned())), Ok(Answer::Approved(capture()))]);
    gateway.inquiries.lock().unwrap().push_back(Inquiry::Unknown);
    app.send(request()).await;
    app.wind(Duration::from_secs(2)).await;
    assert_eq!(gateway.asked(), ["submit pay:7:1", "inquire pay:7:1", "submit pay:7:1"]);
    app.finish().await;
}

#[tokio::test]
async fn a_payment_asked_for_twice_is_taken_once() {
    let (mut app, _, gateway) = open().await;
    gateway.submits.lock().unwrap().push_back(Ok(Answer::Approved(capture())));
    app.send(request()).await;
    app.send(request()).await;
    app.settle().await;
    assert_eq!(gateway.asked(), ["submit pay:7:1"]);
    app.finish().await;
}

#[tokio::test]
async fn a_payment_voided_before_it_began_never_begins() {
    let (mut app, ledger, gateway) = open().await;
    gateway.voids.lock().unwrap().push_back(Voided::NothingTaken);
    app.send(PaymentVoidRequested { order: ORDER }).await;
    app.settle().await;
    app.send(request()).await;
    app.settle().await;
    assert_eq!(gateway.asked(), ["void pay:7:1"]);
    assert_eq!(ledger.state(), Some(IntentState::Voided));
    app.finish().await;
}

#[tokio::test]
async fn a_void_that_comes_too_late_gives_the_money_back() {
    let (mut app, ledger, gateway) = open().await;
    gateway.submits.lock().unwrap().push_back(Ok(Answer::Approved(capture())));
    gateway.voids.lock().unwrap().push_back(Voided::Captured(capture()));
    app.send(request()).await;
    app.settle().await;
    app.send(PaymentVoidRequested { order: ORDER }).await;
    app.settle().await;
    assert_eq!(gateway.asked(), ["submit pay:7:1", "void pay:7:1", "refund pay:7:1"]);
    assert!(matches!(ledger.state(), Some(IntentState::Refunded { .. })));
    app.finish().await;
}

#[tokio::test]
async fn nobody_asks_about_a_payment_that_was_voided() {
    let (mut app, _, gateway) = open().await;
    gateway.submits.lock().unwrap().push_back(Ok(pending()));
    gateway.voids.lock().unwrap().push_back(Voided::NothingTaken);
    app.send(request()).await;
    app.settle().await;
    app.send(PaymentVoidRequested { order: ORDER }).await;
    app.wind(Duration::from_secs(3_600)).await;
    assert_eq!(gateway.asked(), ["submit pay:7:1", "void pay:7:1"]);
    app.finish().await;
}
