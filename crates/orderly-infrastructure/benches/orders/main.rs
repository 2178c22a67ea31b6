//! `cargo xtask bench orders`: the whole pipeline in one process, from placing to the customer's door.
//!
//! `storm`: everybody wants one product, beside the same orders spread over many. `steady`: 183 orders a second, placed
//! at their time whatever became of those before, each paid for after five seconds. After `--` may come either name, and
//! `quick`, which makes both short. PostgreSQL is the server of `TEST_POSTGRES_URL`; the task starts a durable one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops at the first error"
)]

#[path = "../../tests/it/modules.rs"]
mod modules;
#[path = "../../../wharf-postgres/benches/deliveries/resident.rs"]
mod resident;
mod shop;
mod steady;
mod storm;

use std::env;

use mimalloc::MiMalloc;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const PARTS: [&str; 3] = ["quick", "storm", "steady"];

fn main() {
    let parts: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if let Some(unknown) = parts.iter().find(|word| !PARTS.contains(&word.as_str())) {
        panic!("no part is called {unknown}; there are: {}", PARTS.join(", "));
    }
    let quick = parts.iter().any(|word| word == "quick");
    let wanted = |part: &str| parts.iter().all(|word| word == "quick") || parts.iter().any(|wanted| wanted == part);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        if wanted("steady") {
            steady::measure(quick).await;
        }
        if wanted("storm") {
            storm::measure(quick).await;
        }
    });
}
