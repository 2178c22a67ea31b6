//! What was measured, beside what it is measured against.

use crate::meter::Cost;

/// One take of a rate: how many a second, and what each was paid with.
pub(crate) struct Take {
    pub(crate) rate: f64,
    pub(crate) cost: Cost,
}

/// Rows of a case, ours, raw and their ratio.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<[String; 4]>,
}

impl Table {
    /// Adds rates per second: more is better.
    pub(crate) fn rate(&mut self, case: &str, ours: &[Take], raw: &[Take]) {
        for (whose, takes) in [("wharf", ours), ("raw", raw)] {
            if let Some(take) = takes.last() {
                println!("    each, {whose}: {}", take.cost.line());
            }
        }
        let rate = |takes: &[Take]| median(&takes.iter().map(|take| take.rate).collect::<Vec<_>>());
        let (ours, raw) = (rate(ours), rate(raw));
        self.add([case.to_owned(), format!("{ours:.0}/s"), format!("{raw:.0}/s"), format!("{:.2}", ours / raw)]);
    }

    /// Adds latencies in milliseconds: less is better.
    pub(crate) fn latency(&mut self, case: &str, ours_ms: &[f64], raw_ms: &[f64]) {
        let (ours, raw) = (median(ours_ms), median(raw_ms));
        self.add([case.to_owned(), format!("{ours:.2} ms"), format!("{raw:.2} ms"), format!("{:.2}", ours / raw)]);
    }

    fn add(&mut self, row: [String; 4]) {
        print_row(&row);
        self.rows.push(row);
    }

    pub(crate) fn print(&self) {
        println!();
        print_row(&["case", "wharf", "raw", "ratio"].map(str::to_owned));
        self.rows.iter().for_each(print_row);
    }
}

fn print_row([case, ours, raw, ratio]: &[String; 4]) {
    println!("{case:<56} {ours:>12} {raw:>12} {ratio:>6}");
}

fn median(samples: &[f64]) -> f64 {
    percentile(samples, 0.5)
}

/// The value that this share of the samples does not exceed.
pub(crate) fn percentile(samples: &[f64], share: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted.get((share * last as f64).round() as usize).copied().unwrap_or(f64::NAN)
}
