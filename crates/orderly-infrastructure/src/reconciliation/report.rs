//! What a reconciliation says: as JSON for programs, as lines for people.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

/// How many differences of one code are listed.
pub const DIFFERENCES_PER_CODE_MAX: usize = 100;

/// What was compared, and what differs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// For each code, how many rows were compared.
    pub compared: BTreeMap<&'static str, u64>,
    /// The first [`DIFFERENCES_PER_CODE_MAX`] of each code.
    pub differences: Vec<Difference>,
    /// Codes of which there are more than are listed.
    pub and_more: Vec<&'static str>,
}

/// Two records that do not say the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What differs, a key of [`Reconciliation::compared`]. It never changes its meaning.
    pub code: &'static str,
    /// Of what, such as `order:42` or `product:7`.
    pub subject: String,
    /// What the records say.
    pub sides: [Side; 2],
}

/// What one record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Side {
    /// Which record.
    pub record: &'static str,
    /// Its words; amounts are in minor units.
    pub says: String,
}

impl Reconciliation {
    /// Whether nothing differs.
    pub fn agrees(&self) -> bool {
        self.differences.is_empty()
    }

    pub(super) fn compared(&mut self, code: &'static str, rows: u64) {
        *self.compared.entry(code).or_default() += rows;
    }

    /// Differences of one code come together.
    pub(super) fn add(&mut self, difference: Difference) {
        let code = difference.code;
        let before = self.differences.iter().rev().take_while(|before| before.code == code).count();
        if before < DIFFERENCES_PER_CODE_MAX {
            self.differences.push(difference);
        } else if !self.and_more.contains(&code) {
            self.and_more.push(code);
        }
    }
}

impl fmt::Display for Reconciliation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.compared.keys().map(|code| code.len()).max().unwrap_or_default();
        for (code, rows) in &self.compared {
            let differs = self.differences.iter().any(|difference| difference.code == *code);
            writeln!(f, "{:<7} {code:<width$} {rows:>10}", if differs { "DIFFERS" } else { "agrees" })?;
        }
        if !self.agrees() {
            writeln!(f)?;
        }
        for difference in &self.differences {
            writeln!(f, "{difference}")?;
        }
        for code in &self.and_more {
            writeln!(f, "{code}: and more than the {DIFFERENCES_PER_CODE_MAX} above")?;
        }
        Ok(())
    }
}

/// As `stock-on-hand product:7: on hand 5, moved 4`.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, subject, sides: [one, other] } = self;
        write!(f, "{code} {subject}: {} {}, {} {}", one.record, one.says, other.record, other.says)
    }
}
