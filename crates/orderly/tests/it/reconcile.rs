//! `orderly reconcile`, and the task that does the same: whoever took money that nobody asked for is found out.

use serde_json::json;

use crate::{books, program::Orderly, shop::Shop};

#[test]
fn a_capture_that_nobody_asked_for_is_told_by_the_task_by_health_and_by_the_report_on_sqlite() {
    a_capture_that_nobody_asked_for_is_told(&Orderly::on_sqlite());
}

#[test]
fn a_capture_that_nobody_asked_for_is_told_by_the_task_by_health_and_by_the_report_on_postgresql() {
    a_capture_that_nobody_asked_for_is_told(&Orderly::on_postgres());
}

fn a_capture_that_nobody_asked_for_is_told(orderly: &Orderly) {
    let mut shop = Shop::open_with(orderly, &["--set", "reconciliation.interval_seconds=1"]);
    let health = shop.get_until("", "/health", |health| health["checks"]["records"] != json!(null));
    assert_eq!(health["checks"]["records"]["status"], "healthy", "{health:#}");
    let report = orderly.run(&["reconcile", "--json"]).expect_code(0).json();
    assert_eq!((&report["differences"], &report["and_more"]), (&json!([]), &json!([])));

    books::write(
        &orderly.data(),
        "INSERT INTO captures (key, order_id, amount, currency, captured_at) VALUES ('pay:9:1', 9, 999, 'USD', 0)",
    );
    shop.running.wait_for_log("two records do not agree");
    let ready = shop.get("", "/health/ready").expect(200).json();
    let reason = "records: 1 differences; see `orderly reconcile`";
    assert_eq!(ready, json!({"status": "degraded", "reasons": [reason]}));
    let said = orderly.run(&["reconcile"]).expect_code(1).stdout;
    let line = "provider-captures order:9: the ledger says nothing, the provider 999 USD";
    assert!(said.contains("DIFFERS provider-captures") && said.ends_with(&format!("\n\n{line}\n")), "{said}");
}

#[test]
fn what_is_not_there_cannot_be_reconciled() {
    let orderly = Orderly::on_sqlite();
    orderly.run(&["reconcile"]).expect_code(2);
    assert!(!orderly.data().exists(), "reconciling makes nothing");
}
