//! `cargo xtask bench jobs`: `wharf bench` on both databases, each beside itself once a million runs have ended. What comes
//! after `--` is passed on.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and stops at the first error")]

use std::{env, process::Command};

fn main() {
    let server = env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL: run `cargo xtask bench jobs`");
    // Cargo adds what its own harness would heed.
    let passed_on: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    for engine in [&[][..], &["--engine", &server]] {
        for ended in ["0", "1000000"] {
            let mut bench = Command::new(env!("CARGO_BIN_EXE_wharf"));
            let ran = bench.arg("bench").args(engine).args(["--ended", ended]).args(&passed_on).status();
            assert!(ran.expect("wharf runs").success(), "not every job was run once");
            println!();
        }
    }
}
