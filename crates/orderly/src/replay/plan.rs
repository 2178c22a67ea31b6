//! The second pass over an order file: what to do, step by step, in file order.

use std::sync::Arc;

use super::assembly::{Assembly, NotAsSurveyed};
use super::file::{Columns, Lines, OrderFile, ReadError};
use super::line::Line;
use super::rejects::RejectedLine;
use super::survey::Survey;

/// What one or more lines of the file ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Place(Invoice),
    Cancel(Cancellation),
    TakeBack(Return),
    Reject(RejectedLine),
}

/// An order to place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invoice {
    /// The invoice number, which no other order of the file has.
    pub(crate) number: Arc<str>,
    /// `None` is the walk-in customer.
    pub(crate) customer: Option<i64>,
    /// At least one; lines of equal product and price are merged, in the order of their first appearance.
    pub(crate) lines: Vec<OrderLine>,
    /// How many lines of the file were merged into others: `lines.len()` plus these were read.
    pub(crate) merged_lines: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrderLine {
    pub(crate) sku: Arc<str>,
    /// Greater than 0.
    pub(crate) quantity: i64,
    /// In pence, greater than 0.
    pub(crate) unit_price_minor: i64,
}

/// A C invoice that holds exactly what an earlier order of its customer holds. Whether it comes in time is decided
/// when it runs; if it does not, its lines are rejected as `no-longer-cancellable`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cancellation {
    /// The number of the C invoice.
    pub(crate) number: Arc<str>,
    /// The number of the invoice whose order it cancels; placed by an earlier step, cancelled by no other.
    pub(crate) of: Arc<str>,
    /// The numbers of its lines in the file.
    pub(crate) line_numbers: Vec<u64>,
}

/// A line of a C invoice that holds a part of an earlier order of its customer. Whether that order is ever delivered is
/// decided when it runs; if it is not, the line is rejected as `order-not-delivered`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Return {
    /// The number of the C invoice.
    pub(crate) number: Arc<str>,
    /// The number of the line in the file.
    pub(crate) line_number: u64,
    /// The number of the invoice of whose order it takes back a part; placed by an earlier step, cancelled by none.
    pub(crate) of: Arc<str>,
    pub(crate) sku: Arc<str>,
    /// Greater than 0; with all other returns of the order no more of the product than it holds.
    pub(crate) quantity: i64,
}

impl Return {
    /// What the return is called, by invoice and line: the same in every run over the file.
    pub(crate) fn reference(&self) -> String {
        format!("{}:{}", self.number, self.line_number)
    }
}

/// What the steps handed out so far amount to. Once the plan is at its end, every line read is in one of the five:
/// `lines = order_lines + merged_lines + cancellation_lines + return_lines + rejected_lines`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Lines read, damaged ones included, counted as they are read and not as they are decided.
    pub(crate) lines: u64,
    /// Different invoice numbers, of whatever kind.
    pub(crate) invoices: u64,
    /// Orders to place.
    pub(crate) orders: u64,
    pub(crate) order_lines: u64,
    pub(crate) merged_lines: u64,
    /// Orders to cancel.
    pub(crate) cancellations: u64,
    /// Lines of C invoices that match; those that turn out to come too late are rejected in the end.
    pub(crate) cancellation_lines: u64,
    /// Lines of C invoices that match a part; those whose order is never delivered are rejected in the end.
    pub(crate) return_lines: u64,
    pub(crate) rejected_lines: u64,
}

/// An iterator of [`Step`]s. It ends with its first error.
pub(crate) struct Plan {
    lines: Lines,
    columns: Columns,
    assembly: Assembly,
    at_end: bool,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan").field("tally", &self.tally()).field("at_end", &self.at_end).finish_non_exhaustive()
    }
}

impl Plan {
    /// A plan of the whole file, or of its first `limit` invoices: different invoice numbers of whatever kind, C and A
    /// included, in the order of their first lines. Each is planned with all its lines, wherever they stand, so that a
    /// later run with a higher limit plans it the same. Lines that belong to no invoice, their columns being out of
    /// place, count with the invoices above them.
    pub(crate) fn new(file: &OrderFile, survey: Arc<Survey>, limit: Option<u64>) -> Result<Self, ReadError> {
        let assembly = Assembly::new(survey, limit.unwrap_or(u64::MAX));
        Ok(Self { lines: file.lines()?, columns: file.columns(), assembly, at_end: false })
    }

    /// What the plan amounts to as far as it has been read.
    pub(crate) fn tally(&self) -> Tally {
        self.assembly.tally()
    }

    /// The next step. Reads on as far as needed: one line decides none, one or several steps.
    fn step(&mut self) -> Result<Option<Step>, ReadError> {
        loop {
            if let Some(step) = self.assembly.step() {
                return Ok(Some(step));
            }
            if self.at_end || self.assembly.is_beyond_limit() {
                return Ok(None);
            }
            let taken = match self.lines.next()? {
                Some(record) => self.assembly.take(record.line, &Line::read(&record, self.columns)),
                None => {
                    self.at_end = true;
                    self.assembly.finish()
                }
            };
            taken.map_err(|NotAsSurveyed| self.lines.changed())?;
        }
    }
}

impl Iterator for Plan {
    type Item = Result<Step, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        self.at_end |= step.is_err();
        step.transpose()
    }
}
