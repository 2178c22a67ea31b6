//! Taking money, one delivery at a time, by a provider that may lose its answers.

use std::time::Duration;

use orderly_contracts::{
    CaptureId, Money,
    payments::{PaymentInquiryRequested, PaymentVoidRequested},
};
use orderly_payments::{
    Answer, Capture, GatewayError, Inquiry, PaymentNews, PaymentNotice, Voided,
    domain::{AttemptState, IntentState},
};

use crate::till::{ORDER, capture, open, pending, request, total};

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
    gateway
        .inquiries
        .lock()
        .unwrap()
        .extend([Ok(Inquiry::Known(pending())), Ok(Inquiry::Known(Answer::Approved(capture())))]);
    app.send(request()).await;
    app.wind(Duration::from_secs(10)).await;
    assert_eq!(gateway.asked(), ["submit pay:7:1", "inquire pay:7:1", "inquire pay:7:1"]);
    assert!(matches!(ledger.state(), Some(IntentState::Captured { .. })));
    app.finish().await;
}

#[tokio::test]
async fn o22_after_a_lost_answer_the_provider_is_asked_what_it_did_before_it_is_asked_to_do_it() {
    let (mut app, ledger, gateway) = open().await;
    gateway.submits.lock().unwrap().push_back(Err(GatewayError("timeout".to_owned())));
    gateway.inquiries.lock().unwrap().push_back(Ok(Inquiry::Known(Answer::Approved(capture()))));
    app.send(request()).await;
    app.wind(Duration::from_secs(2)).await;
    assert_eq!(gateway.asked(), ["submit pay:7:1", "inquire pay:7:1"]);
    assert!(matches!(ledger.state(), Some(IntentState::Captured { .. })));
    assert_eq!(ledger.attempts(), "lost, approved");
    app.finish().await;
}

#[tokio::test]
async fn a_call_the_provider_never_heard_of_is_repeated_under_the_same_key() {
    let (mut app, ledger, gateway) = open().await;
    gateway.submits.lock().unwrap().extend([Err(GatewayError("refused".to_owned())), Ok(Answer::Approved(capture()))]);
    gateway.inquiries.lock().unwrap().push_back(Ok(Inquiry::Unknown));
    app.send(request()).await;
    app.wind(Duration::from_secs(2)).await;
    assert_eq!(gateway.asked(), ["submit pay:7:1", "inquire pay:7:1", "submit pay:7:1"]);
    assert_eq!(ledger.attempts(), "missed, approved");
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

fn timeout() -> GatewayError {
    GatewayError("timeout".to_owned())
}

#[tokio::test]
async fn o21_a_provider_that_never_answers_is_asked_four_times_with_one_key_and_then_the_saga_is_told() {
    let (mut app, ledger, gateway) = open().await;
    gateway.submits.lock().unwrap().extend([Err(timeout()), Err(timeout()), Err(timeout())]);
    gateway.inquiries.lock().unwrap().extend([Ok(Inquiry::Unknown), Ok(Inquiry::Unknown), Err(timeout())]);
    app.send(request()).await;
    app.wind(Duration::from_secs(60)).await;
    assert_eq!(
        gateway.asked(),
        ["submit pay:7:1", "inquire pay:7:1", "submit pay:7:1", "inquire pay:7:1", "submit pay:7:1", "inquire pay:7:1"]
    );
    assert_eq!(ledger.attempts(), "lost, lost, lost, lost");
    assert_eq!(app.transcript().matches("⇒ payments.failed").count(), 1, "{}", app.transcript());
    app.finish().await;
}

#[tokio::test]
async fn o23_a_payment_of_which_nobody_heard_is_asked_about_and_booked() {
    let (mut app, ledger, gateway) = open().await;
    gateway.submits.lock().unwrap().push_back(Ok(Answer::Pending { ask_again_after: Duration::from_secs(3_600) }));
    let answers = [Err(timeout()), Ok(Inquiry::Known(pending())), Ok(Inquiry::Known(Answer::Approved(capture())))];
    gateway.inquiries.lock().unwrap().extend(answers);
    app.send(request()).await;
    app.settle().await;
    for _ in 0..4 {
        app.send(PaymentInquiryRequested { order: ORDER }).await;
        app.settle().await;
    }
    assert_eq!(gateway.asked(), ["submit pay:7:1", "inquire pay:7:1", "inquire pay:7:1", "inquire pay:7:1"]);
    assert!(matches!(ledger.state(), Some(IntentState::Captured { .. })));
    assert_eq!(app.transcript().matches("⇒ payments.approved").count(), 1);
    app.wind(Duration::from_secs(3_600)).await;
    app.finish().await;
}

#[tokio::test]
async fn a_provider_that_is_away_is_asked_about_an_undecided_payment_until_it_is_back() {
    let (mut app, ledger, gateway) = open().await;
    gateway.submits.lock().unwrap().push_back(Ok(pending()));
    let away = std::iter::repeat_with(|| Err(timeout())).take(20);
    gateway.inquiries.lock().unwrap().extend(away.chain([Ok(Inquiry::Known(Answer::Approved(capture())))]));
    app.send(request()).await;
    app.wind(Duration::from_secs(5 + 20 * 15)).await;
    assert!(matches!(ledger.state(), Some(IntentState::Captured { .. })));
    assert_eq!(ledger.attempts(), "approved");
    app.finish().await;
}

fn notice(capture: &str, amount: Money) -> PaymentNotice {
    PaymentNotice { order: ORDER, news: PaymentNews::Captured { capture: CaptureId::new(capture), amount } }
}

#[tokio::test]
async fn o26_a_capture_after_expiry_is_booked_and_refunded() {
    let (mut app, ledger, gateway) = open().await;
    gateway.submits.lock().unwrap().push_back(Ok(pending()));
    gateway.voids.lock().unwrap().push_back(Voided::NothingTaken);
    app.send(request()).await;
    app.settle().await;
    app.send(PaymentVoidRequested { order: ORDER }).await;
    app.settle().await;
    for _ in 0..2 {
        app.send(notice("cap-1", total())).await;
        app.settle().await;
    }
    assert_eq!(gateway.asked(), ["submit pay:7:1", "void pay:7:1", "refund cap-1 of pay:7:1"]);
    assert_eq!(ledger.strays(), "cap-1 given back");
    assert_eq!(ledger.state(), Some(IntentState::Voided), "an order is never revived");
    assert_eq!(app.transcript().matches("⇒ payments.approved").count(), 0);
    app.wind(Duration::from_secs(60)).await;
    app.finish().await;
}

#[tokio::test]
async fn o27_a_notice_before_the_answer_and_three_times_is_one_capture() {
    let (mut app, ledger, gateway) = open().await;
    gateway.submits.lock().unwrap().push_back(Ok(pending()));
    app.send(request()).await;
    app.settle().await;
    for _ in 0..3 {
        app.send(notice("cap-1", total())).await;
    }
    app.wind(Duration::from_secs(60)).await;
    assert_eq!(gateway.asked(), ["submit pay:7:1"]);
    assert_eq!(app.transcript().matches("⇒ payments.approved").count(), 1);
    assert_eq!(ledger.strays(), "");
    app.finish().await;
}

#[tokio::test]
async fn of_two_captures_the_second_is_given_back_and_both_stay_on_record() {
    let (mut app, ledger, gateway) = open().await;
    gateway.submits.lock().unwrap().push_back(Ok(Answer::Approved(capture())));
    app.send(request()).await;
    app.settle().await;
    app.send(notice("cap-2", total())).await;
    app.settle().await;
    assert_eq!(gateway.asked(), ["submit pay:7:1", "refund cap-2 of pay:7:1"]);
    assert_eq!(ledger.strays(), "cap-2 given back");
    assert_eq!(ledger.state(), Some(IntentState::Captured { capture: CaptureId::new("cap-1"), amount: total() }));
    app.finish().await;
}

#[tokio::test]
async fn a_provider_that_contradicts_itself_is_put_on_record_and_a_person_called_once() {
    let (mut app, ledger, gateway) = open().await;
    gateway.submits.lock().unwrap().push_back(Ok(Answer::Approved(capture())));
    app.send(request()).await;
    app.settle().await;
    for _ in 0..2 {
        let news = PaymentNews::Declined { reason: "no funds".to_owned() };
        app.send(PaymentNotice { order: ORDER, news }).await;
        app.settle().await;
    }
    assert_eq!(app.transcript().matches("⇒ payments.disputed").count(), 1, "{}", app.transcript());
    let both = "capture cap-1 took the money already, and now it is declined: no funds";
    assert_eq!(ledger.dispute.lock().unwrap().as_deref(), Some(both));
    assert!(matches!(ledger.state(), Some(IntentState::Captured { .. })));
    app.finish().await;
}

#[tokio::test]
async fn a_capture_of_another_amount_is_given_back_and_a_person_called() {
    let (mut app, ledger, gateway) = open().await;
    gateway
        .submits
        .lock()
        .unwrap()
        .push_back(Ok(Answer::Approved(Capture { amount: total().times(2).unwrap(), ..capture() })));
    app.send(request()).await;
    app.settle().await;
    assert_eq!(gateway.asked(), ["submit pay:7:1", "refund cap-1 of pay:7:1"]);
    assert_eq!(app.transcript().matches("payments.disputed").count(), 2, "{}", app.transcript());
    assert_eq!(ledger.state(), Some(IntentState::Requested));
    app.finish().await;
}

#[tokio::test]
async fn what_was_taken_is_not_called_given_back_because_the_provider_forgot_it() {
    let (mut app, ledger, gateway) = open().await;
    gateway.submits.lock().unwrap().push_back(Ok(Answer::Approved(capture())));
    gateway.voids.lock().unwrap().push_back(Voided::NothingTaken);
    app.send(request()).await;
    app.settle().await;
    app.send(PaymentVoidRequested { order: ORDER }).await;
    app.settle().await;
    assert!(app.transcript().contains("⇒ payments.disputed"));
    assert_eq!(app.transcript().matches("payments.voided").count(), 0);
    assert!(matches!(ledger.state(), Some(IntentState::Captured { .. })));
    app.finish().await;
}

#[tokio::test]
async fn money_that_was_taken_behind_our_back_is_given_back_with_the_void() {
    let (mut app, ledger, gateway) = open().await;
    gateway.voids.lock().unwrap().push_back(Voided::Captured(capture()));
    app.send(PaymentVoidRequested { order: ORDER }).await;
    app.settle().await;
    assert_eq!(gateway.asked(), ["void pay:7:1", "refund pay:7:1"]);
    assert_eq!(ledger.strays(), "cap-1 given back");
    assert!(app.transcript().contains("⇒ payments.voided"));
    app.finish().await;
}

#[tokio::test]
async fn o31_a_stray_capture_is_given_back_however_long_the_provider_is_away() {
    let (mut app, ledger, gateway) = open().await;
    gateway.submits.lock().unwrap().push_back(Ok(Answer::Approved(capture())));
    *gateway.refunds_to_fail.lock().unwrap() = 20;
    app.send(request()).await;
    app.settle().await;
    app.send(notice("cap-2", total())).await;
    app.wind(Duration::from_secs(99 * 60)).await;
    assert_eq!(ledger.strays(), "cap-2 kept");
    app.wind(Duration::from_secs(60)).await;
    assert_eq!(ledger.strays(), "cap-2 given back");
    app.finish().await;
}

#[tokio::test]
async fn a_notice_that_overtakes_its_payment_waits_for_it() {
    let (mut app, ledger, gateway) = open().await;
    gateway.submits.lock().unwrap().push_back(Ok(pending()));
    app.send(notice("cap-1", total())).await;
    app.settle().await;
    app.send(request()).await;
    app.wind(Duration::from_secs(4)).await;
    assert!(matches!(ledger.state(), Some(IntentState::Captured { .. })));
    app.wind(Duration::from_secs(60)).await;
    app.finish().await;
}
