//! `orderly demo`: generated orders of every kind, from their placing to their ends, disturbed and undisturbed.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};

use crate::{books::Books, database::block_on, program::Orderly};

#[test]
fn a_demo_ends_with_outcomes_of_every_kind_and_goes_on_to_the_same_on_sqlite() {
    everything_happens(&Orderly::on_sqlite());
}

#[test]
fn a_demo_ends_with_outcomes_of_every_kind_and_goes_on_to_the_same_on_postgresql() {
    everything_happens(&Orderly::on_postgres());
}

fn everything_happens(orderly: &Orderly) {
    let args = ["demo", "--orders", "200", "--time-scale", "200", "--json"];
    let report = orderly.run(&args).expect_code(0).json();
    assert_adds_up(&report, 200);
    for reason in ["customer", "invalid", "out-of-stock", "payment-declined", "shipping-failed"] {
        assert_ne!(report["cancel_reasons"][reason], Value::Null, "{report}");
    }
    for happened in ["delivered", "expired", "captures", "refunds", "voids", "notifications", "messages", "commits"] {
        assert_ne!(report[happened], 0, "{happened}: {report}");
    }
    orderly.run(&["verify"]).expect_code(0);
    assert_nothing_doubled(orderly, &report);

    let again = orderly.run(&args).expect_code(0).json();
    for counted in COUNTED {
        assert_eq!(again[counted], report[counted], "{counted}");
    }
    assert_eq!(again["orders_per_second"], json!(0.0));
}

/// What the database tells, whichever run brought it about.
const COUNTED: [&str; 9] =
    ["orders", "delivered", "cancelled", "cancel_reasons", "expired", "captures", "refunds", "voids", "notifications"];

/// Orders of which nobody waits for an answer that never comes, in time that passes fast, but so that none expires because
/// a busy machine is slow.
const PROMPT: [&str; 12] = [
    "demo",
    "--orders",
    "150",
    "--time-scale",
    "30",
    "--json",
    "--set",
    "payments.pending_rate=0",
    "--set",
    "carrier.silence_rate=0",
    "--set",
    "expiry.stale_after_seconds=1800",
];

#[test]
fn a_demo_that_is_killed_twice_ends_every_order_as_if_it_had_not_been_on_sqlite() {
    let (undisturbed, killed) = (Orderly::on_sqlite(), Orderly::on_sqlite());
    let report = undisturbed.run(&PROMPT).expect_code(0).json();
    let after = kill_twice(&killed);
    assert_adds_up(&after, 150);
    assert_draw_nothing_alike(&report, &after);

    // Who asks for a cancellation races with the carrier; everybody else's order goes by the seed.
    let (ends, ends_after) = (ends(&undisturbed), ends(&killed));
    let alike = ends.iter().filter(|(reference, _)| ends_after.contains_key(*reference)).collect::<Vec<_>>();
    assert!(alike.len() > 120, "{} of 150", alike.len());
    for (reference, end) in alike {
        assert_eq!(&ends_after[reference], end, "{reference}");
    }
}

#[test]
fn a_demo_that_is_killed_twice_loses_and_doubles_nothing_on_postgresql() {
    let (undisturbed, killed) = (Orderly::on_postgres(), Orderly::on_postgres());
    let report = undisturbed.run(&PROMPT).expect_code(0).json();
    let after = kill_twice(&killed);
    assert_adds_up(&after, 150);
    // A killed placement leaves a gap in the numbers by which the providers draw; the script's own fates stay.
    assert_draw_nothing_alike(&report, &after);
}

fn kill_twice(orderly: &Orderly) -> Value {
    let args = [&PROMPT[..], &["--set", "worker.lease=2s"]].concat();
    for ended in [20, 80] {
        let mut run = orderly.start(&args);
        assert!(run.wait_for_ended(ended), "it ended before it was killed: {:?}", run.finish());
        run.kill();
    }
    let report = orderly.run(&args).expect_code(0).json();
    orderly.run(&["verify"]).expect_code(0);
    assert_nothing_doubled(orderly, &report);
    report
}

/// What no provider draws is the same in every run.
fn assert_draw_nothing_alike(one: &Value, other: &Value) {
    for reason in ["out-of-stock", "invalid"] {
        let of = |report: &Value| report["cancel_reasons"][reason].as_u64();
        assert!(of(one).is_some() && of(one) == of(other), "{reason}: {one} {other}");
    }
}

fn assert_adds_up(report: &Value, orders: u64) {
    let count = |key: &str| report[key].as_u64().unwrap_or_else(|| panic!("{key} is no count: {report}"));
    assert_eq!(count("orders"), orders, "{report}");
    let ended = ["delivered", "cancelled", "expired", "needs_attention"].map(count);
    assert_eq!(ended.iter().sum::<u64>(), orders, "{report}");
    let reasons: BTreeMap<String, u64> = serde_json::from_value(report["cancel_reasons"].clone()).unwrap();
    assert_eq!(reasons.values().sum::<u64>(), count("cancelled"), "{report}");
    assert_eq!((count("dead_letters"), count("violations")), (0, 0), "{report}");
}

fn assert_nothing_doubled(orderly: &Orderly, report: &Value) {
    let books = Books::read(&orderly.data());
    assert_eq!((&books.charged_twice, &books.shipped_twice), (&vec![], &vec![]));
    assert_eq!(books.paid, books.shipped, "who paid got a parcel, and nobody else");
    assert_eq!(books.paid.len() as u64, report["delivered"].as_u64().unwrap());
}

/// How each order ended of which no cancellation was asked for.
fn ends(orderly: &Orderly) -> BTreeMap<String, (String, Option<String>)> {
    let database = SqliteConnectOptions::new().filename(orderly.data().join("orderly.db")).read_only(true);
    let sql = "SELECT reference, status, cancel_reason FROM orders WHERE cancel_reference IS NULL";
    let rows: Vec<(String, String, Option<String>)> = block_on(async {
        let mut database = database.connect().await.unwrap();
        let rows = sqlx::query_as(sql).fetch_all(&mut database).await.unwrap();
        database.close().await.unwrap();
        rows
    });
    rows.into_iter().map(|(reference, status, reason)| (reference, (status, reason))).collect()
}

#[test]
fn what_a_demo_cannot_use_is_refused_before_anything_is_placed() {
    let orderly = Orderly::on_sqlite();
    for (args, told) in [
        (["--orders", "0"], "--orders"),
        (["--time-scale", "0.5"], "a number from 1 to 1000"),
        (["--time-scale", "NaN"], "a number from 1 to 1000"),
        (["--seed", "lucky"], "a whole number"),
    ] {
        let refused = orderly.run(&[&["demo"], args.as_slice()].concat()).expect_code(2);
        assert!(refused.stderr.contains(told), "{args:?}: {refused:?}");
        assert!(!orderly.data().exists(), "{args:?} left something behind");
    }
}
