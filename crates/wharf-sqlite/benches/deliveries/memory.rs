//! How far this process grows while it drains 200,000 messages that the file holds.

use std::{env, fs, process::Command};

use crate::{Place, Sqlite, drain, fill};

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

/// Memory of this process in the machine's own, from a point on.
struct Resident {
    before_kib: u64,
}

impl Resident {
    /// Forgets the peak so far. <https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html>
    fn from_here() -> Self {
        fs::write("/proc/self/clear_refs", "5").unwrap();
        Self { before_kib: status_kib("VmRSS:") }
    }

    fn growth(&self) -> String {
        let peak_kib = status_kib("VmHWM:");
        let grown_kib = peak_kib.saturating_sub(self.before_kib);
        let mib = |kib: u64| kib as f64 / 1024.0;
        format!("grew by {:.1} MiB, from {:.1} to a peak of {:.1}", mib(grown_kib), mib(self.before_kib), mib(peak_kib))
    }
}

/// A line of `/proc/self/status`, in KiB.
fn status_kib(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
