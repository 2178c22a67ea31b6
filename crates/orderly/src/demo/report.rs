//! What a demo came to: one JSON object for programs, one table for people.

use std::fmt;

use serde::Serialize;

use crate::{
    figures::{Ends, Speed},
    table::count,
};

/// The result of a demo. Counts are those of the database, whatever run brought them about; times, rates and memory are
/// those of this run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Report {
    pub(super) seed: u64,
    pub(super) time_scale: f64,
    /// Orders of the script that were taken, in this run or an earlier one. On a database of their own they are all there is.
    pub(super) placed: u64,
    #[serde(flatten)]
    pub(super) ends: Ends,
    /// Times that money was taken.
    pub(super) captures: u64,
    /// Times that it was given back.
    pub(super) refunds: u64,
    /// Payments that were called off before anything was taken.
    pub(super) voids: u64,
    pub(super) notifications: u64,
    pub(super) dead_letters: u64,
    #[serde(flatten)]
    pub(super) speed: Speed,
    /// Broken invariants.
    pub(super) violations: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.ends)?;
        count(f, 0, "captures", self.captures)?;
        count(f, 1, "refunded", self.refunds)?;
        count(f, 0, "payments voided", self.voids)?;
        count(f, 0, "notifications", self.notifications)?;
        count(f, 0, "dead letters", self.dead_letters)?;
        count(f, 0, "broken invariants", self.violations)?;
        writeln!(f)?;
        write!(f, "{}", self.speed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            seed: 1,
            time_scale: 60.0,
            placed: 5_000,
            ends: Ends {
                orders: 5_000,
                delivered: 3_900,
                cancelled: 1_000,
                cancel_reasons: [("customer".to_owned(), 400), ("out-of-stock".to_owned(), 600)].into(),
                expired: 99,
                needs_attention: 1,
            },
            captures: 4_000,
            refunds: 99,
            voids: 500,
            notifications: 14_000,
            speed: Speed {
                seconds: 50.0,
                orders_per_second: 100.0,
                messages: 80_000,
                commits: 20_000,
                peak_rss_mib: Some(64.5),
                ..Speed::default()
            },
            ..Report::default()
        }
    }

    #[test]
    fn the_json_object_has_the_promised_keys_in_their_order() {
        insta::assert_snapshot!(serde_json::to_string(&report()).unwrap(), @r#"{"seed":1,"time_scale":60.0,"placed":5000,"orders":5000,"delivered":3900,"cancelled":1000,"cancel_reasons":{"customer":400,"out-of-stock":600},"expired":99,"needs_attention":1,"captures":4000,"refunds":99,"voids":500,"notifications":14000,"dead_letters":0,"seconds":50.0,"orders_per_second":100.0,"p50_ms":0.0,"p99_ms":0.0,"messages":80000,"commits":20000,"peak_rss_mib":64.5,"violations":0}"#);
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
