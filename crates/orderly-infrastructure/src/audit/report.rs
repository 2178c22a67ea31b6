//! What an audit says: as JSON for programs, as a table for people.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

/// How many ids one violation lists.
pub const IDS_PER_VIOLATION_MAX: usize = 100;

/// What was proved, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// For each invariant, how many rows it was proved on.
    pub checked: BTreeMap<&'static str, u64>,
    /// One for each invariant that does not hold.
    pub violations: Vec<Violation>,
}

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Its name, a key of [`AuditReport::checked`].
    pub invariant: &'static str,
    /// What breaks it, such as `order:42`; the first [`IDS_PER_VIOLATION_MAX`].
    pub ids: Vec<String>,
    /// What is wrong with the first, and how many others there are.
    pub detail: String,
}

impl AuditReport {
    /// Whether everything holds.
    pub fn holds(&self) -> bool {
        self.violations.is_empty()
    }
}

impl fmt::Display for AuditReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.checked.keys().map(|invariant| invariant.len()).max().unwrap_or_default();
        for (invariant, rows) in &self.checked {
            let broken = self.violations.iter().any(|violation| violation.invariant == *invariant);
            writeln!(f, "{:<6} {invariant:<width$} {rows:>10}", if broken { "BROKEN" } else { "holds" })?;
        }
        for Violation { invariant, ids, detail } in &self.violations {
            write!(f, "\n{invariant}\n  {detail}\n  {}\n", ids.join(" "))?;
        }
        Ok(())
    }
}
