//! `orderly verify`, beside a running program and after it.

use serde_json::json;

use crate::{order_file::OrderFile, program::Orderly};

#[test]
fn a_running_program_may_be_verified_on_sqlite() {
    verify_beside(&Orderly::on_sqlite());
}

#[test]
fn a_running_program_may_be_verified_on_postgresql() {
    verify_beside(&Orderly::on_postgres());
}

fn verify_beside(orderly: &Orderly) {
    let path = orderly.store_orders(&OrderFile::generate(21, 30));
    let args = ["replay", path.to_str().unwrap(), "--concurrency", "2", "--payment-delay", "300ms"];
    let mut run = orderly.start(&args);
    assert!(run.wait_for_ended(5));
    let report = orderly.run(&["verify", "--json"]).expect_code(0).json();
    assert_eq!(report["violations"], json!([]));
    assert!(report["checked"].as_object().is_some_and(|checked| !checked.is_empty()), "{report}");
    run.finish().expect_code(0);
}

#[test]
fn what_is_not_there_cannot_be_verified() {
    let orderly = Orderly::on_sqlite();
    orderly.run(&["verify"]).expect_code(2);
    assert!(!orderly.data().exists(), "verifying makes nothing");
}
