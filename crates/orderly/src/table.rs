//! Tables that people read: a label, and a number below the others.

use std::{fmt, fs, time::Duration};

const LABEL_WIDTH: usize = 32;
const VALUE_WIDTH: usize = 12;

/// A line of a table; each depth is indented by two.
pub(crate) fn count(f: &mut fmt::Formatter<'_>, depth: usize, label: &str, value: u64) -> fmt::Result {
    let label_width = LABEL_WIDTH - 2 * depth;
    writeln!(f, "{:indent$}{label:label_width$}{:>VALUE_WIDTH$}", "", grouped(value), indent = 2 * depth)
}

/// A line of a table, to one digit behind the point.
pub(crate) fn measure(f: &mut fmt::Formatter<'_>, label: &str, value: f64) -> fmt::Result {
    writeln!(f, "{label:LABEL_WIDTH$}{value:>VALUE_WIDTH$.1}")
}

/// Digits in groups of three: `320,705`.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The most memory this process has held at once, in MiB, as Linux counts it; `None` elsewhere.
pub(crate) fn peak_rss_mib() -> Option<f64> {
    peak_rss_mib_in(&fs::read_to_string("/proc/self/status").ok()?)
}

fn peak_rss_mib_in(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some((kib / 1024.0 * 10.0).round() / 10.0)
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    thousandths(duration.as_secs_f64() * 1000.0)
}

/// Three digits say all that a clock knows.
pub(crate) fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_of_memory_is_read_as_the_kernel_writes_it() {
        assert_eq!(peak_rss_mib_in("VmPeak:\t  999 kB\nVmHWM:\t  103936 kB\n"), Some(101.5));
        assert_eq!(peak_rss_mib_in("VmPeak:\t  999 kB\n"), None);
    }
}
