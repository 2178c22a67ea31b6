//! `orderly replay`, from an order file to its report.

use serde_json::{Value, json};

use crate::{books::Books, order_file::OrderFile, program::Orderly};

#[test]
fn every_line_and_every_order_ends_where_the_files_maker_meant_it_on_sqlite() {
    everything_ends_as_meant(&Orderly::on_sqlite());
}

#[test]
fn every_line_and_every_order_ends_where_the_files_maker_meant_it_on_postgresql() {
    everything_ends_as_meant(&Orderly::on_postgres());
}

fn everything_ends_as_meant(orderly: &Orderly) {
    let file = OrderFile::generate(11, 60);
    let path = orderly.store_orders(&file);

    let report = orderly.replay(&path, &[]).expect_code(0).json();
    assert_adds_up(&report, &file);
    assert_eq!(report["orders"], file.orders.len(), "{report}");
    assert_eq!(report["delivered"].as_u64().unwrap() + customers(&report), file.orders.len() as u64, "{report}");
    assert!(report["messages"].as_u64().unwrap() > 9 * report["delivered"].as_u64().unwrap(), "{report}");
    assert!(report["commits"].as_u64().unwrap() > 0, "{report}");
    orderly.run(&["verify"]).expect_code(0);

    let books = Books::read(&orderly.data());
    assert_eq!(books.paid.len() as u64, report["delivered"].as_u64().unwrap());
    assert_eq!(report["returned_lines"], file.returns.len(), "{report}");
    assert_eq!(report["returned_lines"], books.returned.len());
    assert_ne!(report["returned_lines"], 0);

    let again = orderly.replay(&path, &[]).expect_code(0).json();
    for counted in [
        "lines",
        "rejections",
        "orders",
        "delivered",
        "cancelled",
        "cancel_reasons",
        "cancelled_lines",
        "returned_lines",
    ] {
        assert_eq!(again[counted], report[counted], "{counted}");
    }
    assert_eq!((&again["orders_per_second"], &again["p50_ms"]), (&json!(0.0), &json!(0.0)));
    assert_eq!(Books::read(&orderly.data()), books, "nothing was charged or shipped again");
}

#[test]
fn a_replay_that_was_limited_goes_on_with_the_rest() {
    let orderly = Orderly::on_sqlite();
    let file = OrderFile::generate(12, 40);
    let path = orderly.store_orders(&file);

    let some = orderly.replay(&path, &["--limit", "10"]).expect_code(0).json();
    assert_eq!(some["invoices"], 10);
    assert!(some["orders"].as_u64().unwrap() <= 10);
    let all = orderly.replay(&path, &[]).expect_code(0).json();
    assert_adds_up(&all, &file);
    assert_eq!(all["orders"], file.orders.len());
}

#[test]
fn a_declined_order_is_cancelled_and_its_stock_given_back() {
    let orderly = Orderly::on_sqlite();
    let file = OrderFile::generate(13, 30);
    let path = orderly.store_orders(&file);

    let report = orderly.replay(&path, &["--approval-rate", "0"]).expect_code(0).json();
    assert_adds_up(&report, &file);
    assert_eq!((&report["delivered"], &report["cancelled"]), (&json!(0), &json!(file.orders.len())));
    assert_eq!(report["rejections"]["order-not-delivered"], file.returns.len(), "of nothing comes nothing back");
    orderly.run(&["verify"]).expect_code(0);
    assert_eq!(Books::read(&orderly.data()).paid, Vec::<i64>::new());
}

#[test]
fn orders_whose_payment_stays_pending_expire() {
    let orderly = Orderly::on_sqlite();
    let file = OrderFile::generate(14, 20);
    let path = orderly.store_orders(&file);
    let args = ["--approval-rate", "0.5", "--pending-rate", "0.5"];
    let soon = ["--set", "expiry.stale_after_seconds=1", "--set", "expiry.interval_seconds=1"];

    let report = orderly.replay(&path, &[args, soon].concat()).expect_code(0).json();
    assert_adds_up(&report, &file);
    assert!(report["expired"].as_u64().unwrap() > 0, "{report}");
    orderly.run(&["verify"]).expect_code(0);
}

#[test]
fn rejected_lines_stand_in_a_file_with_their_reasons() {
    let orderly = Orderly::on_sqlite();
    let file = OrderFile::generate(15, 20);
    let path = orderly.store_orders(&file);

    let report = orderly.replay(&path, &[]).expect_code(0).json();
    let rejected = std::fs::read_to_string(orderly.data().join("rejected.csv")).unwrap();
    let reasons: Vec<_> = rejected.lines().skip(1).map(|line| line.split(',').take(2).collect::<Vec<_>>()).collect();
    let at_times = ["no-longer-cancellable", "order-not-delivered"];
    let always = reasons.iter().filter(|reason| !at_times.contains(&reason[1]));
    let always: Vec<_> = always.map(|reason| (reason[0].parse().unwrap(), reason[1])).collect();
    assert_eq!(always, file.rejected);
    assert_eq!(report["rejected_lines"], reasons.len());
}

#[test]
fn a_replay_that_is_asked_to_stop_says_how_to_go_on_and_does() {
    let orderly = Orderly::on_sqlite();
    let file = OrderFile::generate(16, 40);
    let path = orderly.store_orders(&file);

    let mut run = orderly.start(&["replay", path.to_str().unwrap(), "--concurrency", "1", "--payment-delay", "300ms"]);
    assert!(run.wait_for_ended(3));
    run.ask_to_stop();
    let stopped = run.finish().expect_code(1);
    assert!(stopped.stderr.contains("the same command goes on"), "{stopped:?}");
    assert_eq!(stopped.stdout, "");

    let report = orderly.replay(&path, &[]).expect_code(0).json();
    assert_adds_up(&report, &file);
    assert_eq!(report["orders"], file.orders.len());
}

#[test]
fn what_cannot_be_used_is_refused_before_anything_is_placed() {
    let orderly = Orderly::on_sqlite();
    let orders = orderly.store_orders(&OrderFile::generate(17, 3));
    let cut = orderly.store("cut.csv.gz", "\u{1f}\u{8b}");
    let (orders, cut) = (orders.to_str().unwrap(), cut.to_str().unwrap());
    for (args, told) in [
        (vec!["missing.csv"], "cannot read the order file missing.csv"),
        (vec![cut], "cut.csv.gz"),
        (vec![orders, "--rejects", orders], "is the order file itself"),
        (vec![orders, "--rejects", "nowhere/rejected.csv"], "must be a file in an existing directory"),
        (vec![orders, "--approval-rate", "1.5"], "0 to 1"),
        (vec![orders, "--approval-rate", "0.9", "--pending-rate", "0.2"], "more than 1"),
        (vec![orders, "--payment-delay", "soon"], "--payment-delay"),
        (vec![orders, "--concurrency", "0"], "--concurrency"),
    ] {
        let refused = orderly.run(&[&["replay"], args.as_slice()].concat()).expect_code(2);
        assert!(refused.stderr.contains(told), "{args:?}: {refused:?}");
        assert!(!orderly.data().exists(), "{args:?} left something behind");
    }
}

/// What holds of every report about this file.
pub(crate) fn assert_adds_up(report: &Value, file: &OrderFile) {
    let count = |key: &str| report[key].as_u64().unwrap_or_else(|| panic!("{key} is no count: {report}"));
    assert_eq!(count("lines"), file.lines, "{report}");
    assert_eq!(count("order_lines"), file.order_lines, "{report}");
    assert_eq!(count("merged_lines"), file.merged_lines, "{report}");
    assert_eq!(count("invoices"), file.invoices, "{report}");
    let mut rejections: std::collections::BTreeMap<String, u64> =
        serde_json::from_value(report["rejections"].clone()).unwrap();
    let too_late = rejections.remove("no-longer-cancellable").unwrap_or_default();
    assert_eq!(count("cancelled_lines") + too_late, file.cancellation_lines, "{report}");
    let undelivered = rejections.remove("order-not-delivered").unwrap_or_default();
    assert_eq!(count("returned_lines") + undelivered, file.returns.len() as u64, "{report}");
    assert!(rejections.iter().map(|(reason, lines)| (reason.as_str(), *lines)).eq(file.rejections()), "{report}");
    assert_eq!(count("rejected_lines"), rejections.values().sum::<u64>() + too_late + undelivered, "{report}");
    assert_eq!(
        count("orders"),
        count("delivered") + count("cancelled") + count("expired") + count("needs_attention"),
        "{report}"
    );
    for nothing in ["needs_attention", "dead_letters", "violations"] {
        assert_eq!(count(nothing), 0, "{report}");
    }
}

/// Orders cancelled by their customers.
fn customers(report: &Value) -> u64 {
    report["cancel_reasons"]["customer"].as_u64().unwrap_or_default()
}
