//! How much memory this process has had at once, where the system tells.

use std::fs;

/// Has what is told count from now on.
pub(super) fn forget_peak() {
    // Where the system knows no such thing, it tells no peak either.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

pub(super) fn peak_mib() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = peak.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib / 1024.0)
}
