//! kill -9 in the midst of a replay, again and again: nothing is lost, and nothing is done twice.

use std::{
    env,
    hash::{BuildHasher, RandomState},
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    books::Books,
    order_file::{OrderFile, SplitMix},
    program::Orderly,
    replay::assert_adds_up,
};

const ARGS: [&str; 4] = ["--payment-delay", "300ms", "--approval-rate", "0.8"];

/// Providers that lose their answers, and a carrier that does not take everything.
const TROUBLE: [&str; 6] =
    ["--set", "payments.lost_rate=0.2", "--set", "carrier.lost_rate=0.2", "--set", "carrier.refusal_rate=0.1"];

#[test]
fn a_replay_that_is_killed_again_and_again_loses_and_doubles_nothing_on_sqlite() {
    check(&Orderly::on_sqlite());
}

#[test]
fn a_replay_that_is_killed_again_and_again_loses_and_doubles_nothing_on_postgresql() {
    check(&Orderly::on_postgres());
}

#[test]
fn a_replay_that_is_killed_again_and_again_loses_and_doubles_nothing_on_postgresql_and_rabbitmq() {
    check(&Orderly::on_postgres_and_rabbitmq());
}

fn check(orderly: &Orderly) {
    let mut random = SplitMix(seed());
    let file = OrderFile::generate(random.next(), 100);
    let path = orderly.store_orders(&file);
    let orders = file.orders.len() as u64;
    // Few orders at once, so that a kill meets them in every state; and on PostgreSQL nobody waits for the dead for long.
    let args = [&ARGS[..], &TROUBLE, &["--concurrency", "4", "--set", "worker.lease=2s"]].concat();
    kill_and_restart(orderly, &path, &args, orders, 5, &mut random);

    let report = orderly.replay(&path, &args).expect_code(0).json();
    assert_adds_up(&report, &file);
    assert_eq!(report["orders"], orders, "{report}");
    assert_eq!(report["expired"], 0, "{report}");
    assert!(report["returned_lines"].as_u64().unwrap() > 0, "{report}");
    assert_nothing_doubled(orderly, &report);
}

#[test]
fn o38_a_sweep_that_is_killed_mid_batch_expires_each_order_once_on_sqlite() {
    expire_under_kills(&Orderly::on_sqlite());
}

#[test]
fn o38_a_sweep_that_is_killed_mid_batch_expires_each_order_once_on_postgresql() {
    expire_under_kills(&Orderly::on_postgres());
}

/// Nothing is ever decided about a payment, so every order expires, ten in a batch.
fn expire_under_kills(orderly: &Orderly) {
    const SWEEPS: [&str; 10] = [
        "--set",
        "expiry.interval_seconds=1",
        "--set",
        "expiry.stale_after_seconds=1",
        "--set",
        "expiry.batch_max=10",
        "--set",
        "worker.lease=2s",
        "--set",
        "log=error",
    ];
    const UNDECIDED: [&str; 4] = ["--approval-rate", "0", "--pending-rate", "1"];

    let mut random = SplitMix(seed());
    let file = OrderFile::generate(random.next(), 60);
    let path = orderly.store_orders(&file);
    let orders = file.orders.len() as u64;
    let args = [&SWEEPS[..], &UNDECIDED].concat();
    kill_and_restart(orderly, &path, &args, orders, 4, &mut random);

    let report = orderly.replay(&path, &args).expect_code(0).json();
    assert_adds_up(&report, &file);
    assert_eq!((&report["orders"], &report["delivered"]), (&orders.into(), &0.into()), "{report}");
    assert!(report["expired"].as_u64().is_some_and(|expired| expired > orders / 2), "{report}");
    // Among what it proves: each was told once, has one step for each change, and holds and keeps nothing.
    assert_nothing_doubled(orderly, &report);
}

/// Run with `ORDERLY_ORDER_FILE=… cargo xtask test` or
/// `ORDERLY_ORDER_FILE=… cargo test --release -p orderly --test it real_file -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes, and a real order file in ORDERLY_ORDER_FILE"]
fn ten_kills_of_a_real_file_on_sqlite() {
    check_real_file(&Orderly::on_sqlite());
}

#[test]
#[ignore = "takes minutes, and a real order file in ORDERLY_ORDER_FILE"]
fn ten_kills_of_a_real_file_on_postgresql() {
    check_real_file(&Orderly::on_postgres());
}

#[expect(clippy::print_stdout, reason = "to be read by a person")]
fn check_real_file(orderly: &Orderly) {
    let path = PathBuf::from(env::var("ORDERLY_ORDER_FILE").expect("ORDERLY_ORDER_FILE names an order file"));
    let path = path.canonicalize().unwrap();
    let orders = 12_000;
    kill_and_restart(orderly, &path, &ARGS, orders, 10, &mut SplitMix(seed()));
    let report = orderly.replay(&path, &ARGS).expect_code(0).json();
    println!("{report:#}");
    assert_nothing_doubled(orderly, &report);
}

/// Kills so many runs, each after so many more orders had ended, spread over all of them.
#[expect(clippy::print_stdout, reason = "a run that fails is repeated with the seed")]
fn kill_and_restart(orderly: &Orderly, file: &Path, args: &[&str], orders: u64, kills: u64, random: &mut SplitMix) {
    let args = [&["replay", file.to_str().unwrap()], args].concat();
    for kill in 0..kills {
        let ended = orders * kill / kills + random.below(orders / kills);
        println!("kill {} after {ended} orders", kill + 1);
        let mut run = orderly.start(&args);
        assert!(run.wait_for_ended(ended), "it ended before it was killed: {:?}", run.finish());
        run.kill();
    }
}

fn assert_nothing_doubled(orderly: &Orderly, report: &Value) {
    orderly.run(&["verify"]).expect_code(0);
    let books = Books::read(&orderly.data());
    assert_eq!((&books.charged_twice, &books.shipped_twice, &books.returned_twice), (&vec![], &vec![], &vec![]));
    assert_eq!(books.paid, books.shipped, "who paid got a parcel, and nobody else");
    assert_eq!(report["delivered"], books.paid.len());
    assert_eq!(report["returned_lines"], books.returned.len(), "each returned line was paid back, and nothing else");
}

/// Another one each time; `ORDERLY_SEED` repeats a run.
#[expect(clippy::print_stdout, reason = "a run that fails is repeated with the seed")]
fn seed() -> u64 {
    let seed = env::var("ORDERLY_SEED").map_or_else(|_| RandomState::new().hash_one(0), |seed| seed.parse().unwrap());
    println!("ORDERLY_SEED={seed}");
    seed
}
