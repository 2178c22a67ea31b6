//! What a replay and a demo both tell: how orders ended, and how fast it went.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::Serialize;

use crate::{
    shop::Standing,
    table::{count, measure, milliseconds, peak_rss_mib, thousandths},
};

/// How orders ended, by the database: whatever run brought it about.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Ends {
    /// `delivered + cancelled + expired + needs_attention`.
    pub(crate) orders: u64,
    pub(crate) delivered: u64,
    pub(crate) cancelled: u64,
    /// Sums up to `cancelled`.
    pub(crate) cancel_reasons: BTreeMap<String, u64>,
    pub(crate) expired: u64,
    pub(crate) needs_attention: u64,
}

/// How fast a run was, and what it took.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Speed {
    pub(crate) seconds: f64,
    /// Orders that became final in this run, over its seconds.
    pub(crate) orders_per_second: f64,
    /// From an order's creation to its final state.
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Settled deliveries.
    pub(crate) messages: u64,
    pub(crate) commits: u64,
    /// The most memory that the process held at once; null where the system does not tell.
    pub(crate) peak_rss_mib: Option<f64>,
}

impl Ends {
    pub(crate) fn of(standing: &Standing) -> Self {
        let totals = &standing.totals;
        Self {
            orders: totals.orders,
            delivered: totals.delivered,
            cancelled: totals.cancelled.iter().map(|(_, orders)| orders).sum(),
            cancel_reasons: totals.cancelled.iter().map(|(reason, orders)| (reason.to_string(), *orders)).collect(),
            expired: totals.expired,
            needs_attention: totals.needs_attention,
        }
    }
}

impl Speed {
    pub(crate) fn of(standing: &Standing, took: Duration) -> Self {
        let seconds = took.as_secs_f64();
        Self {
            seconds: thousandths(seconds),
            orders_per_second: thousandths(standing.pace.ended as f64 / seconds),
            p50_ms: milliseconds(standing.pace.median),
            p99_ms: milliseconds(standing.pace.percentile_99),
            messages: standing.messages,
            commits: standing.commits,
            peak_rss_mib: peak_rss_mib(),
        }
    }
}

impl fmt::Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        count(f, 0, "orders", self.orders)?;
        count(f, 1, "delivered", self.delivered)?;
        count(f, 1, "cancelled", self.cancelled)?;
        for (reason, &orders) in &self.cancel_reasons {
            count(f, 2, reason, orders)?;
        }
        count(f, 1, "expired", self.expired)?;
        count(f, 1, "in need of attention", self.needs_attention)
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        measure(f, "seconds", self.seconds)?;
        measure(f, "orders per second", self.orders_per_second)?;
        measure(f, "created to final, p50 ms", self.p50_ms)?;
        measure(f, "created to final, p99 ms", self.p99_ms)?;
        count(f, 0, "messages", self.messages)?;
        count(f, 0, "commits", self.commits)?;
        self.peak_rss_mib.map_or(Ok(()), |mib| measure(f, "peak memory, MiB", mib))
    }
}
