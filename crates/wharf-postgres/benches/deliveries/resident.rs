//! How much memory this process has, as Linux tells it. Shared by the benchmarks of the engines.

use std::fs;

/// Memory of this process in the machine's own, from a point on.
pub(crate) struct Resident {
    before_kib: u64,
}

impl Resident {
    /// Forgets the peak so far. <https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html>
    pub(crate) fn from_here() -> Self {
        fs::write("/proc/self/clear_refs", "5").unwrap();
        Self { before_kib: status_kib("VmRSS:") }
    }

    pub(crate) fn growth(&self) -> String {
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
