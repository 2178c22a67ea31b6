//! What a replay came to: one JSON object for programs, one table for people.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::rejects::Reason;
use crate::{
    figures::{Ends, Speed},
    table::count,
};

/// The result of a replay. Counts are those of the file and of the database, whatever run brought them about; times,
/// rates and memory are those of this run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Report {
    /// `order_lines + merged_lines + cancelled_lines + returned_lines + rejected_lines`.
    pub(crate) lines: u64,
    pub(crate) order_lines: u64,
    pub(crate) merged_lines: u64,
    /// Lines of C invoices that took effect.
    pub(crate) cancelled_lines: u64,
    /// Lines of C invoices that took back a part of a delivered order.
    pub(crate) returned_lines: u64,
    pub(crate) rejected_lines: u64,
    /// Sums up to `rejected_lines`.
    pub(crate) rejections: BTreeMap<Reason, u64>,
    /// Different invoice numbers, C and A included.
    pub(crate) invoices: u64,
    #[serde(flatten)]
    pub(crate) ends: Ends,
    pub(crate) dead_letters: u64,
    #[serde(flatten)]
    pub(crate) speed: Speed,
    /// Broken invariants.
    pub(crate) violations: u64,
}

impl Report {
    /// The sums that must hold and do not, each as a sentence; none is good.
    pub(crate) fn broken_sums(&self) -> Vec<String> {
        let ends = &self.ends;
        let sums = [
            (
                "lines",
                self.lines,
                "order, merged, cancelled, returned and rejected lines",
                self.order_lines + self.merged_lines + self.cancelled_lines + self.returned_lines + self.rejected_lines,
            ),
            (
                "orders",
                ends.orders,
                "orders delivered, cancelled, expired and in need of attention",
                ends.delivered + ends.cancelled + ends.expired + ends.needs_attention,
            ),
            ("rejected_lines", self.rejected_lines, "rejections", self.rejections.values().sum()),
            ("cancelled", ends.cancelled, "cancel reasons", ends.cancel_reasons.values().sum()),
        ];
        let broken = sums.into_iter().filter(|(_, whole, _, parts)| whole != parts);
        broken.map(|(name, whole, of, parts)| format!("{name} is {whole}, but the sum of {of} is {parts}")).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        count(f, 0, "lines", self.lines)?;
        count(f, 1, "order lines", self.order_lines)?;
        count(f, 1, "merged into them", self.merged_lines)?;
        count(f, 1, "cancelled", self.cancelled_lines)?;
        count(f, 1, "returned", self.returned_lines)?;
        count(f, 1, "rejected", self.rejected_lines)?;
        for (reason, &lines) in &self.rejections {
            count(f, 2, reason.as_str(), lines)?;
        }
        count(f, 0, "invoices", self.invoices)?;
        write!(f, "{}", self.ends)?;
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
            lines: 1_234_567,
            order_lines: 1_234_000,
            merged_lines: 500,
            cancelled_lines: 7,
            returned_lines: 20,
            rejected_lines: 40,
            rejections: BTreeMap::from([(Reason::MoreThanIsLeft, 39), (Reason::NoLongerCancellable, 1)]),
            invoices: 900,
            ends: Ends {
                orders: 800,
                delivered: 797,
                cancelled: 3,
                cancel_reasons: [("customer".to_owned(), 3)].into(),
                ..Ends::default()
            },
            speed: Speed {
                seconds: 12.34,
                orders_per_second: 64.83,
                p50_ms: 15.04,
                p99_ms: 99.0,
                messages: 8000,
                commits: 90,
                peak_rss_mib: Some(101.5),
            },
            ..Report::default()
        }
    }

    #[test]
    fn the_json_object_has_the_promised_keys_in_their_order() {
        insta::assert_snapshot!(serde_json::to_string(&report()).unwrap(), @r#"{"lines":1234567,"order_lines":1234000,"merged_lines":500,"cancelled_lines":7,"returned_lines":20,"rejected_lines":40,"rejections":{"more-than-is-left":39,"no-longer-cancellable":1},"invoices":900,"orders":800,"delivered":797,"cancelled":3,"cancel_reasons":{"customer":3},"expired":0,"needs_attention":0,"dead_letters":0,"seconds":12.34,"orders_per_second":64.83,"p50_ms":15.04,"p99_ms":99.0,"messages":8000,"commits":90,"peak_rss_mib":101.5,"violations":0}"#);
    }

    #[test]
    fn the_table_reads_from_the_whole_to_its_parts() {
        insta::assert_snapshot!(report().to_string(), @"
    lines                              1,234,567
      order lines                      1,234,000
      merged into them                       500
      cancelled                                7
      returned                                20
      rejected                                40
        more-than-is-left                     39
        no-longer-cancellable                  1
    invoices                                 900
    orders                                   800
      delivered                              797
      cancelled                                3
        customer                               3
      expired                                  0
      in need of attention                     0
    dead letters                               0
    broken invariants                          0

    seconds                                 12.3
    orders per second                       64.8
    created to final, p50 ms                15.0
    created to final, p99 ms                99.0
    messages                               8,000
    commits                                   90
    peak memory, MiB                       101.5
    ");
    }

    #[test]
    fn a_sum_that_does_not_hold_is_told() {
        assert_eq!(report().broken_sums(), Vec::<String>::new());
        let lossy = Report { order_lines: 1_233_999, ..report() };
        insta::assert_snapshot!(lossy.broken_sums().join("\n"), @"lines is 1234567, but the sum of order, merged, cancelled, returned and rejected lines is 1234566");
    }

    #[test]
    fn a_reason_is_written_in_json_as_in_the_rejects_file() {
        for reason in [
            Reason::Malformed,
            Reason::NotAnOrder,
            Reason::MatchesNoOrder,
            Reason::MoreThanIsLeft,
            Reason::OrderNotDelivered,
            Reason::NoLongerCancellable,
            Reason::NotAProduct,
            Reason::NonPositiveQuantity,
            Reason::NonPositivePrice,
            Reason::SubCentPrice,
        ] {
            assert_eq!(serde_json::to_string(&reason).unwrap(), format!("\"{}\"", reason.as_str()));
        }
    }
}
