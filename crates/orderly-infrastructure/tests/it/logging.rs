//! What an operator reads of an order's life: each thing once, with the order in its own field.

use std::time::Duration;

use orderly_contracts::{Currency, CustomerId, OrderId};
use orderly_infrastructure::Simulators;
use orderly_orders::{
    PlaceOrder,
    domain::{Draft, DraftLine},
    place_order,
};
use wharf::Tenant;

use crate::{
    log::Log,
    pipeline::{MINUTE, open, open_with, place},
    stage::Stage,
};

/// What was said of the order, without who said it and the correlation id.
fn said(log: &Log, order: OrderId) -> String {
    let field = format!("order={order}");
    let lines = log.take(&field);
    let lines = lines.iter().map(|line| {
        let (level, rest) = line.split_once(' ').unwrap();
        // Behind the name of the module that says it.
        let words: Vec<_> = rest.split_once(": ").unwrap().1.split(' ').collect();
        let words = words.iter().filter(|word| !word.starts_with("correlation=") && **word != field);
        format!("{level} {}", words.copied().collect::<Vec<_>>().join(" "))
    });
    lines.collect::<Vec<_>>().join("\n")
}

pub(crate) async fn the_log_tells_of_creation_status_payment_and_shipping(stage: &Stage) {
    let log = Log::start();
    let (mut app, ports, mug) = open(stage).await;
    let order = place(&app, &ports, mug).await;
    app.wind(Duration::from_secs(10)).await;
    let said = said(&log, order);
    insta::allow_duplicates! {
        insta::assert_snapshot!(said, @r#"
        INFO order placed customer=7 total=5.00
        INFO order moved change=Validated
        INFO order moved change=PaymentStarted
        INFO payment approved capture=CAP-000001 amount=5.00
        INFO order moved change=Paid { capture: CaptureId("CAP-000001") }
        INFO parcel handed over tracking=SIM-000001
        INFO 📧 FAKE EMAIL: Order #1 completed! Total: $5.00
        INFO order moved change=Shipped { tracking: TrackingNumber("SIM-000001") }
        INFO parcel delivered tracking=SIM-000001
        INFO order moved change=Delivered
        "#);
    }
    app.finish().await;
}

pub(crate) async fn the_log_tells_of_declined_payments_shortages_and_time_outs(stage: &Stage) {
    let log = Log::start();
    let declining = Simulators { approval_rate: 0.0, pending_rate: 0.0, ..Simulators::default() };
    let (mut app, ports, mug) = open_with(stage, Simulators { seed: 2, ..declining }).await;
    let order = place(&app, &ports, mug).await;
    app.wind(Duration::from_secs(10)).await;
    let declined = said(&log, order);
    let line = DraftLine { product: mug, quantity: 1_000, unit_price: None };
    let draft = Draft { customer: CustomerId(7), currency: Currency::GBP, status: None, lines: vec![line] };
    let mut work = app.client().begin(&Tenant::default()).unwrap();
    let order = place_order(&ports, &mut work, &PlaceOrder { draft, reference: None }).await.unwrap();
    work.commit().await.unwrap();
    app.settle().await;
    let short = said(&log, order.order.placed.order_id);
    app.finish().await;
    let undecided = Simulators { approval_rate: 0.0, pending_rate: 1.0, seed: 2, ..Simulators::default() };
    let (mut app, ports, mug) = open_with(stage, undecided).await;
    let order = place(&app, &ports, mug).await;
    app.wind(12 * MINUTE).await;
    let late = said(&log, order);
    insta::allow_duplicates! {
        insta::assert_snapshot!(format!("{declined}\n\n{short}\n\n{late}"), @r#"
        INFO order placed customer=7 total=5.00
        INFO order moved change=Validated
        INFO order moved change=PaymentStarted
        WARN payment declined reason="the card was declined"
        INFO order moved change=Cancelled { reason: PaymentDeclined, detail: "The payment was declined." }

        INFO order placed customer=7 total=2500.00
        INFO order moved change=Validated
        WARN stock is short products="1"
        INFO order moved change=Cancelled { reason: OutOfStock, detail: "Not enough in stock of product 1." }

        INFO order placed customer=7 total=5.00
        INFO order moved change=Validated
        INFO order moved change=PaymentStarted
        INFO order moved change=Expired
        WARN Order #3 expired after 10 minutes in Processing status
        "#);
    }
    app.finish().await;
}
