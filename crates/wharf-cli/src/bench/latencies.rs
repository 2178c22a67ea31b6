//! Latencies, and what share of them is how short.

use std::time::Duration;

/// In the order of their length.
#[derive(Debug)]
pub(super) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(super) fn new(mut samples: Vec<Duration>) -> Self {
        samples.sort_unstable();
        Self(samples)
    }

    pub(super) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// What this share of them does not exceed, in milliseconds: the nearest rank.
    pub(super) fn ms_of(&self, share: f64) -> f64 {
        let rank = (share * self.0.len() as f64).ceil() as usize;
        self.0.get(rank.saturating_sub(1)).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_them_is_told_by_the_nearest_rank() {
        let latencies = Latencies::new((1..=300).rev().map(Duration::from_millis).collect());
        assert_eq!([0.5, 0.99, 1.0].map(|share| latencies.ms_of(share).round()), [150.0, 297.0, 300.0]);
        assert_eq!(Latencies::new(vec![Duration::from_millis(7)]).ms_of(0.5).round(), 7.0);
    }
}
