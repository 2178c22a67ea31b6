//! Gathers what an audit finds, within bounds.

use std::collections::BTreeMap;

use super::{AuditReport, Violation, report::IDS_PER_VIOLATION_MAX};

/// What was looked at, and what was wrong with it.
#[derive(Debug, Default)]
pub(super) struct Findings {
    checked: BTreeMap<&'static str, u64>,
    broken: BTreeMap<&'static str, Broken>,
}

/// One invariant that does not hold.
#[derive(Debug)]
struct Broken {
    ids: Vec<String>,
    /// Of the first.
    detail: String,
    /// More than are listed.
    and_more: bool,
}

impl Findings {
    /// So many more rows were looked at.
    pub(super) fn checked(&mut self, invariant: &'static str, rows: u64) {
        *self.checked.entry(invariant).or_default() += rows;
    }

    /// One thing breaks an invariant. Only the first is told of in detail.
    pub(super) fn add(&mut self, invariant: &'static str, id: String, detail: impl FnOnce() -> String) {
        let broken = self.broken.entry(invariant).or_insert_with(|| Broken {
            ids: Vec::new(),
            detail: format!("{id}: {}", detail()),
            and_more: false,
        });
        // Findings come in the order of ids, so that one thing wrong in two ways stands there once.
        if broken.ids.last() == Some(&id) {
            return;
        }
        if broken.ids.len() < IDS_PER_VIOLATION_MAX {
            broken.ids.push(id);
        } else {
            broken.and_more = true;
        }
    }

    /// There is more that breaks it than was added.
    pub(super) fn add_more(&mut self, invariant: &'static str) {
        if let Some(broken) = self.broken.get_mut(invariant) {
            broken.and_more = true;
        }
    }

    pub(super) fn into_report(self) -> AuditReport {
        let told = |(invariant, broken): (_, Broken)| {
            let others = broken.ids.len() - 1;
            let detail = match (broken.and_more, others) {
                (true, _) => format!("{}; and more than {others} others", broken.detail),
                (false, 0) => broken.detail,
                (false, 1) => format!("{}; and 1 other", broken.detail),
                (false, _) => format!("{}; and {others} others", broken.detail),
            };
            Violation { invariant, ids: broken.ids, detail }
        };
        AuditReport { checked: self.checked, violations: self.broken.into_iter().map(told).collect() }
    }
}
