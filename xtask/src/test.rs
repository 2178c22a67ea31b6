//! `cargo xtask test`: every gate, every test against real servers, and one verdict line at the end.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{ExitCode, Stdio},
    time::Instant,
};

use anyhow::{Context, Result};

use crate::{
    cargo,
    gate::{GATES, Outcome, seconds},
    postgres::{self, Durability, Server, TEST_PGBOUNCER, TEST_POSTGRES_URL},
    rabbitmq::{Broker, TEST_RABBITMQ_SERVER, TEST_RABBITMQ_URL},
    redis::{Redis, TEST_REDIS_SERVER, TEST_REDIS_URL},
};

/// Runs everything even after a failure, so that one run shows all there is to mend.
pub(crate) fn run(root: &Path, durability: Durability) -> Result<ExitCode> {
    let begun = Instant::now();
    let mut failures = Vec::new();
    let mut skipped = Vec::new();
    for gate in GATES {
        match gate.run(root) {
            Outcome::Passed(_) => {}
            Outcome::Failed(_) => failures.push(gate.name),
            Outcome::Skipped(_) => skipped.push(gate.name),
        }
    }

    println!("\n── tests");
    let tests_begun = Instant::now();
    let server = match Server::find_or_start(root, durability) {
        Ok(server) => Some(server),
        Err(error) => {
            println!("{error:#}");
            failures.push("postgresql");
            None
        }
    };
    let broker = Broker::find_or_start(root).map_err(|error| {
        println!("{error:#}");
        failures.push("rabbitmq");
    });
    let redis = Redis::find_or_start(root).map_err(|error| {
        println!("{error:#}");
        failures.push("redis");
    });
    let pooler = postgres::find_or_install().unwrap_or_else(|error| {
        println!("{error:#}");
        None
    });
    if pooler.is_none() {
        println!("pgbouncer: SKIPPED, it is not installed; nothing is tested behind a pooler");
        skipped.push("pgbouncer");
    }
    let tally = match run_tests(root, server.as_ref(), broker.as_ref().ok(), redis.as_ref().ok(), pooler.as_deref()) {
        Ok((tally, all_passed)) => {
            if !all_passed || tally.passed == 0 {
                failures.push("tests"); // a run in which nothing passed proves nothing
            }
            tally
        }
        Err(error) => {
            println!("{error:#}");
            failures.push("tests");
            Tally::default()
        }
    };
    drop((server, broker, redis));
    println!("tests: ran for {}", seconds(tests_begun.elapsed()));

    println!("\n{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.ignored);
    println!("{}", verdict(&failures, &skipped, &seconds(begun.elapsed())));
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn verdict(failures: &[&str], skipped: &[&str], took: &str) -> String {
    let unchecked =
        if skipped.is_empty() { String::new() } else { format!(", not checked here: {}", skipped.join(", ")) };
    if failures.is_empty() {
        format!("verdict: PASS in {took}{unchecked}")
    } else {
        format!("verdict: FAIL in {took} ({}){unchecked}", failures.join(", "))
    }
}

/// Shows the tests' output as it comes, and counts.
fn run_tests(
    root: &Path,
    server: Option<&Server>,
    broker: Option<&Broker>,
    redis: Option<&Redis>,
    pooler: Option<&Path>,
) -> Result<(Tally, bool)> {
    let mut command = cargo(root);
    command.args(["test", "--workspace", "--no-fail-fast"]).stdout(Stdio::piped());
    if let Some(server) = server {
        command.env(TEST_POSTGRES_URL, server.url());
    }
    if let Some(broker) = broker {
        command.env(TEST_RABBITMQ_URL, broker.url());
        if let Some(script) = broker.script() {
            command.env(TEST_RABBITMQ_SERVER, script);
        }
    }
    if let Some(redis) = redis {
        command.env(TEST_REDIS_URL, redis.url());
        if let Some(program) = redis.program() {
            command.env(TEST_REDIS_SERVER, program);
        }
    }
    if let Some(pooler) = pooler {
        command.env(TEST_PGBOUNCER, pooler);
    }
    let mut tests = command.spawn().context("cannot run cargo test")?;
    let output = tests.stdout.take().context("cargo test has no output")?;
    let mut tally = Tally::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        tally.count(&line);
    }
    Ok((tally, tests.wait()?.success()))
}

/// How many tests there were, over all test binaries and documentation.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Tally {
    /// Adds a `test result: ok. 3 passed; 0 failed; 1 ignored; …` line; any other line counts nothing.
    fn count(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for count in counts.split("; ") {
            let Some((number, what)) = count.split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Tally, verdict};

    #[test]
    fn result_lines_of_all_binaries_are_summed() {
        let mut tally = Tally::default();
        tally.count("running 4 tests");
        tally.count("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s");
        tally.count(
            "test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s",
        );
        assert_eq!(tally, Tally { passed: 13, failed: 2, ignored: 1 });
    }

    #[test]
    fn the_verdict_names_what_failed_and_what_was_not_checked() {
        assert_eq!(verdict(&[], &[], "9.0 s"), "verdict: PASS in 9.0 s");
        assert_eq!(verdict(&[], &["deny"], "9.0 s"), "verdict: PASS in 9.0 s, not checked here: deny");
        assert_eq!(verdict(&["tidy", "tests"], &[], "9.0 s"), "verdict: FAIL in 9.0 s (tidy, tests)");
    }
}
