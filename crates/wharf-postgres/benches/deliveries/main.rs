//! `cargo xtask bench deliveries`: the engine beside what the same server does without it, in the same run.
//!
//! Rates are medians of three. The ratio is what to read: the machine and its disk make the rest. After `--` may come
//! `quick`, to leave the backlog of a million out, and which parts: `noop`, `work`, `idle`, `memory`, `profile`. Jobs are
//! measured by `wharf bench`: `cargo xtask bench jobs`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops at the first error"
)]

mod by_hand;
mod disk;
mod drain;
mod idle;
mod memory;
mod meter;
mod noop;
mod place;
mod profile;
mod resident;
mod saga;
mod table;
mod work;

use std::env;

use mimalloc::MiMalloc;

use place::Place;
use table::Table;

/// As in a program that cares.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const PARTS: [&str; 6] = ["quick", "memory", "noop", "work", "idle", "profile"];

fn main() {
    let parts: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if let Some(unknown) = parts.iter().find(|word| !PARTS.contains(&word.as_str())) {
        panic!("no part is called {unknown}; there are: {}", PARTS.join(", "));
    }
    let quick = parts.iter().any(|word| word == "quick");
    let wanted = |part: &str| parts.iter().all(|word| word == "quick") || parts.iter().any(|wanted| wanted == part);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        println!("disk: {:.0} synced writes/s of 8 KiB", disk::synced_writes_per_s());
        let place = Place::create().await;
        let mut table = Table::default();
        // First, while this process is as small as it starts.
        if wanted("memory") {
            memory::measure(&place).await;
        }
        if wanted("noop") {
            let backlogs: &[u64] = if quick { &[10_000] } else { &[10_000, 1_000_000] };
            noop::measure(&place, &mut table, backlogs).await;
        }
        if wanted("work") {
            work::measure(&place, &mut table).await;
            saga::measure(&place, &mut table).await;
        }
        if wanted("idle") {
            idle::measure(&place, &mut table).await;
        }
        if wanted("profile") {
            profile::measure(&place).await;
        }
        table.print();
        place.remove().await;
    });
}
