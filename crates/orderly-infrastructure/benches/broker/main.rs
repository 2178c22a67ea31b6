//! `cargo xtask bench broker`: RabbitMQ as transport, beside what the same broker and database do without wharf, in the
//! same run.
//!
//! `publish` and `consume`: a durable quorum queue, the same window and prefetch on both sides. `handle`: inbox, one
//! row and one message sent through the outbox on PostgreSQL, beside raw commits. `pickup`: from publishing to the handler.
//! `waiting`: a worker's memory with a million messages waiting. After `--` may come any of these names, and `quick`,
//! which makes all of it short.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops at the first error"
)]

mod handle;
mod pickup;
mod place;
#[path = "../../../wharf-postgres/benches/deliveries/resident.rs"]
mod resident;
mod transport;
mod waiting;

use std::env;

use mimalloc::MiMalloc;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const PARTS: [&str; 6] = ["quick", "publish", "consume", "handle", "pickup", "waiting"];
/// How often each rate is taken.
const TAKES: usize = 3;

fn main() {
    let parts: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if let Some(unknown) = parts.iter().find(|word| !PARTS.contains(&word.as_str())) {
        panic!("no part is called {unknown}; there are: {}", PARTS.join(", "));
    }
    let quick = parts.iter().any(|word| word == "quick");
    let wanted = |part: &str| parts.iter().all(|word| word == "quick") || parts.iter().any(|wanted| wanted == part);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // First, while this process is as small as it starts.
        if wanted("waiting") {
            waiting::measure(if quick { 20_000 } else { 1_000_000 }).await;
        }
        if wanted("publish") {
            transport::publish(if quick { 1_000 } else { 50_000 }).await;
        }
        if wanted("consume") {
            transport::consume(if quick { 1_000 } else { 50_000 }).await;
        }
        if wanted("handle") {
            handle::measure(if quick { 300 } else { 10_000 }).await;
        }
        if wanted("pickup") {
            pickup::measure(if quick { 20 } else { 1_000 }).await;
        }
    });
}

/// Both rates, as medians, and their ratio.
fn print_rates(case: &str, ours: &mut [f64], raw: &mut [f64], aim: f64) {
    let (ours, raw) = (percentile(ours, 0.5), percentile(raw, 0.5));
    println!("{case:<48} wharf {ours:>8.0}/s   raw {raw:>8.0}/s   ratio {:.2} (aim: {aim})", ours / raw);
}

/// The value that this share of the samples does not exceed.
fn percentile(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_unstable_by(f64::total_cmp);
    let last = samples.len().saturating_sub(1);
    samples.get((share * last as f64).round() as usize).copied().unwrap_or(f64::NAN)
}
