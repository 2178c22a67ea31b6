//! How far this process grows while it drains 200,000 messages that the file holds.

use std::{env, process::Command};

use crate::{Place, Sqlite, drain, fill, resident::Resident};

const MESSAGES: u64 = 200_000;
/// What the growth is to stay under.
const AIM_MIB: u64 = 32;
/// Names the file to the process that fills it.
const FILL: &str = "WHARF_BENCH_FILL";

/// Another process fills the file: what sending leaves behind in this one is not to be taken for room to grow in.
pub(crate) async fn measure() {
    let place = Place::new();
    for _ in 0..3 {
        let filled = Command::new(env::current_exe().unwrap()).env(FILL, place.path()).status().unwrap();
        assert!(filled.success());
        let before = Resident::from_here();
        let engine = Sqlite::open(place.path()).await.unwrap();
        drain(&engine, MESSAGES).await;
        engine.close().await;
        println!("memory, {MESSAGES} drained: {} (aim: under {AIM_MIB} MiB)", before.growth());
    }
}

/// Whether this process was started to fill a file; then that is done.
pub(crate) async fn fills() -> bool {
    let Some(path) = env::var_os(FILL) else { return false };
    let engine = Sqlite::open(path).await.unwrap();
    fill(&engine, MESSAGES).await;
    engine.close().await;
    true
}
