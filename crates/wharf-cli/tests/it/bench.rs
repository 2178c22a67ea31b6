//! `wharf bench`: it measures, judges, and leaves nothing behind.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{database::Database, wharf_alone};

fn measured(engine: &str) -> Value {
    let (ok, said) = wharf_alone(&[
        "--json",
        "bench",
        "--jobs",
        "500",
        "--handlers",
        "50",
        "--ended",
        "10",
        "--blocked",
        "10",
        "--asleep-ms",
        "1",
        "--schedules",
        "20",
        "--engine",
        engine,
    ]);
    assert!(ok, "{said}");
    let measured: Value = serde_json::from_str(&said).unwrap();
    let good =
        "820 enqueued, 820 run, 820 in the history, 820 of them well, of 820 ids and 820 different arguments; 0 wait";
    assert_eq!(measured["verdict"], good, "500 jobs at once, 300 one by one, and 20 of schedules");
    for figure in [
        "enqueued_per_s",
        "drained_per_s",
        "by_hand_per_s",
        "of_by_hand",
        "commits_per_job",
        "picked_up_p50_ms",
        "picked_up_p99_ms",
        "late_p50_ms",
        "late_p99_ms",
    ] {
        assert!(measured[figure].as_f64().unwrap() > 0.0, "{figure} in {measured}");
    }
    measured
}

#[test]
fn jobs_are_measured_on_a_file_that_is_gone_afterwards() {
    let directory = TempDir::new().unwrap();
    let measured = measured(directory.path().to_str().unwrap());
    assert_eq!(measured["engine"], "SQLite");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn what_is_asked_to_stop_leaves_nothing_behind_either() {
    let directory = TempDir::new().unwrap();
    let begun = || fs::read_dir(directory.path()).unwrap().count() > 0;
    let mut bench = Command::new(env!("CARGO_BIN_EXE_wharf"))
        .args(["bench", "--jobs", "5000000", "--engine"])
        .arg(directory.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !begun() {
        assert!(bench.try_wait().unwrap().is_none(), "it ended before it began");
        thread::yield_now();
    }
    assert!(Command::new("kill").args(["-TERM", &bench.id().to_string()]).status().unwrap().success());
    assert_eq!(bench.wait().unwrap().code(), Some(1));
    assert!(!begun());
}

#[tokio::test]
async fn jobs_are_measured_on_a_server_whose_databases_are_left_alone() {
    let database = Database::create().await;
    assert_eq!(measured(database.url())["engine"], "PostgreSQL");
    let tables = "SELECT count(*) FROM pg_class WHERE relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('wharf', 'public'))";
    assert_eq!(database.count(tables).await, 0);
    database.remove().await;
}

/// A role that may not make databases, on the server of the tests.
#[tokio::test]
async fn who_may_make_no_database_is_told_what_to_do() {
    let database = Database::create().await;
    let guest = database.guest().await;
    let (ok, said) = wharf_alone(&["bench", "--jobs", "500", "--engine", &guest]);
    assert!(!ok && said.contains("cannot make a database for the benchmark") && said.contains("CREATEDB"), "{said}");
    database.remove().await;
}

#[test]
fn what_can_be_measured_nowhere_is_refused() {
    let (ok, said) = wharf_alone(&["bench", "--engine", "/no/such/directory"]);
    assert!(!ok && said.starts_with("wharf: cannot make a folder in /no/such/directory"), "{said}");
    let (ok, said) = wharf_alone(&["bench", "--jobs", "0"]);
    assert!(!ok && said.contains("0 is not in 1..=100000000"), "{said}");
}
