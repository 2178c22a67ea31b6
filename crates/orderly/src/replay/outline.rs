//! The whole plan, walked once before anything is placed.

use std::sync::Arc;

use super::file::{OrderFile, ReadError};
use super::plan::{Cancellation, Plan, Return, Step, Tally};
use super::rejects::Rejects;
use super::survey::Survey;

/// What a plan comes to. Walking it to its end first proves the file readable before anything of it is placed, and
/// tells how much there is to do; orders themselves are not kept.
#[derive(Debug)]
pub(super) struct Outline {
    pub(super) tally: Tally,
    /// Lines that are rejected whatever happens.
    pub(super) rejects: Rejects,
    /// C invoices that match. Whether each came in time is told by the database, in the end.
    pub(super) cancellations: Vec<Cancellation>,
    /// C lines that match a part of an order. Whether it was delivered is told by the database too.
    pub(super) returns: Vec<Return>,
}

impl Outline {
    pub(super) fn of(file: &OrderFile, survey: Arc<Survey>, limit: Option<u64>) -> Result<Self, ReadError> {
        let mut plan = Plan::new(file, survey, limit)?;
        let (mut rejects, mut cancellations, mut returns) = (Rejects::default(), Vec::new(), Vec::new());
        for step in plan.by_ref() {
            match step? {
                Step::Place(_) => {}
                Step::Cancel(cancellation) => cancellations.push(cancellation),
                Step::TakeBack(part) => returns.push(part),
                Step::Reject(line) => rejects.add(line),
            }
        }
        Ok(Self { tally: plan.tally(), rejects, cancellations, returns })
    }
}
