//! What a demo came to: one JSON object for programs, one table for people.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use crate::table::{count, measure};

/// The result of a demo. Counts are those of the database, whatever run brought them about; times, rates and memory are
/// those of this run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Report {
    pub(super) seed: u64,
    pub(super) time_scale: f64,
    /// `delivered + cancelled + expired + needs_attention`.
    pub(super) orders: u64,
    pub(super) delivered: u64,
    pub(super) cancelled: u64,
    /// Sums up to `cancelled`.
    pub(super) cancel_reasons: BTreeMap<String, u64>,
    pub(super) expired: u64,
    pub(super) needs_attention: u64,
    /// Times that money was taken.
    pub(super) captures: u64,
    /// Times that it was given back.
    pub(super) refunds: u64,
    /// Payments that were called off before anything was taken.
    pub(super) voids: u64,
    pub(super) notifications: u64,
    pub(super) dead_letters: u64,
    pub(super) seconds: f64,
    /// Orders that became final in this run, over its seconds.
    pub(super) orders_per_second: f64,
    /// From an order's creation to its final state.
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// Settled deliveries.
    pub(super) messages: u64,
    pub(super) commits: u64,
    /// The most memory that the process held at once; null where the system does not tell.
    pub(super) peak_rss_mib: Option<f64>,
    /// Broken invariants.
    pub(super) violations: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        count(f, 0, "orders", self.orders)?;
        count(f, 1, "delivered", self.delivered)?;
        count(f, 1, "cancelled", self.cancelled)?;
        for (reason, &orders) in &self.cancel_reasons {
            count(f, 2, reason, orders)?;
        }
        count(f, 1, "expired", self.expired)?;
        count(f, 1, "in need of attention", self.needs_attention)?;
        count(f, 0, "captures", self.captures)?;
        count(f, 1, "refunded", self.refunds)?;
        count(f, 0, "payments voided", self.voids)?;
        count(f, 0, "notifications", self.notifications)?;
        count(f, 0, "dead letters", self.dead_letters)?;
        count(f, 0, "broken invariants", self.violations)?;
        writeln!(f)?;
        measure(f, "seconds", self.seconds)?;
        measure(f, "orders per second", self.orders_per_second)?;
        measure(f, "created to final, p50 ms", self.p50_ms)?;
        measure(f, "created to final, p99 ms", self.p99_ms)?;
        count(f, 0, "messages", self.messages)?;
        count(f, 0, "commits", self.commits)?;
        self.peak_rss_mib.map_or(Ok(()), |mib| measure(f, "peak memory, MiB", mib))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            seed: 1,
            time_scale: 60.0,
            orders: 5_000,
            delivered: 3_900,
            cancelled: 1_000,
            cancel_reasons: BTreeMap::from([("customer".to_owned(), 400), ("out-of-stock".to_owned(), 600)]),
            expired: 99,
            needs_attention: 1,
            captures: 4_000,
            refunds: 99,
            voids: 500,
            notifications: 14_000,
            seconds: 50.0,
            orders_per_second: 100.0,
            messages: 80_000,
            commits: 20_000,
            peak_rss_mib: Some(64.5),
            ..Report::default()
        }
    }

    #[test]
    fn the_json_object_has_the_promised_keys_in_their_order() {
        insta::assert_snapshot!(serde_json::to_string(&report()).unwrap(), @r#"{"seed":1,"time_scale":60.0,"orders":5000,"delivered":3900,"cancelled":1000,"cancel_reasons":{"customer":400,"out-of-stock":600},"expired":99,"needs_attention":1,"captures":4000,"refunds":99,"voids":500,"notifications":14000,"dead_letters":0,"seconds":50.0,"orders_per_second":100.0,"p50_ms":0.0,"p99_ms":0.0,"messages":80000,"commits":20000,"peak_rss_mib":64.5,"violations":0}"#);
    }

    #[test]
    fn the_table_tells_every_outcome_below_their_sum() {
        insta::assert_snapshot!(report().to_string(), @"
    orders                                 5,000
      delivered                            3,900
      cancelled                            1,000
        customer                             400
        out-of-stock                         600
      expired                                 99
      in need of attention                     1
    captures                               4,000
      refunded                                99
    payments voided                          500
    notifications                         14,000
    dead letters                               0
    broken invariants                          0

    seconds                                 50.0
    orders per second                      100.0
    created to final, p50 ms                 0.0
    created to final, p99 ms                 0.0
    messages                              80,000
    commits                               20,000
    peak memory, MiB                        64.5
    ");
    }
}
