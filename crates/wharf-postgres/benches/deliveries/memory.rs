//! How far this process grows while it drains 200,000 messages that the server holds.

use std::fs;

use crate::{
    noop,
    place::{Place, TAKES, fill},
};

const MESSAGES: u64 = 200_000;
/// What the growth is to stay under.
const AIM_MIB: u64 = 32;

pub(crate) async fn measure(place: &Place) {
    for _ in 0..TAKES {
        fill(place, MESSAGES, noop::ENDPOINTS).await;
        let before = Resident::from_here();
        noop::our_rate(place, MESSAGES).await;
        println!("memory, {MESSAGES} drained: {} (aim: under {AIM_MIB} MiB)", before.growth());
    }
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
