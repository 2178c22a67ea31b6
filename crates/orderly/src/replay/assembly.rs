//! Puts the lines of the file together to invoices, and hands out the steps that they make.
//!
//! An invoice is decided when its last line has been read. Its lines usually stand together; where they do not, the
//! survey knows how far they reach, and the invoice waits for its last line while others go on.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::draft::{Draft, Taken};
use super::line::{Line, MalformedLine};
use super::past_orders::PastOrders;
use super::plan::{Step, Tally};
use super::rejects::{Reason, RejectedLine};
use super::survey::Survey;

/// The invoices that are being read.
#[derive(Debug)]
pub(super) struct Assembly {
    survey: Arc<Survey>,
    limit: u64,
    past: PastOrders,
    current: Option<Draft>,
    /// Invoices whose remaining lines stand further down, by their number.
    waiting: HashMap<Arc<str>, Draft>,
    /// Reading has come to an invoice beyond the limit.
    beyond_limit: bool,
    ready: VecDeque<Step>,
    tally: Tally,
}

/// The file holds what its survey did not see.
#[derive(Debug)]
pub(super) struct NotAsSurveyed;

impl Assembly {
    pub(super) fn new(survey: Arc<Survey>, limit: u64) -> Self {
        Self {
            survey,
            limit,
            past: PastOrders::default(),
            current: None,
            waiting: HashMap::new(),
            beyond_limit: limit == 0,
            ready: VecDeque::new(),
            tally: Tally::default(),
        }
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally
    }

    /// The next step that is decided by the lines taken so far.
    pub(super) fn step(&mut self) -> Option<Step> {
        let step = self.ready.pop_front()?;
        match &step {
            Step::Place(invoice) => {
                self.tally.orders += 1;
                self.tally.order_lines += invoice.lines.len() as u64;
                self.tally.merged_lines += invoice.merged_lines;
            }
            Step::Cancel(cancellation) => {
                self.tally.cancellations += 1;
                self.tally.cancellation_lines += cancellation.line_numbers.len() as u64;
            }
            Step::TakeBack(_) => self.tally.return_lines += 1,
            Step::Reject(_) => self.tally.rejected_lines += 1,
        }
        Some(step)
    }

    /// No line that may still follow is within the limit.
    pub(super) fn is_beyond_limit(&self) -> bool {
        self.beyond_limit && self.current.is_none() && self.waiting.is_empty()
    }

    /// Takes the next line of the file.
    pub(super) fn take(
        &mut self,
        line_number: u64,
        line: &Result<Line<'_>, MalformedLine<'_>>,
    ) -> Result<(), NotAsSurveyed> {
        let invoice = match line {
            Ok(line) => Some(line.invoice.as_ref()),
            Err(malformed) => malformed.invoice.as_deref(),
        };
        let Some(number) = invoice else {
            if !self.beyond_limit {
                self.tally.lines += 1;
                self.reject(line_number, Reason::Malformed);
            }
            return Ok(());
        };
        self.turn_to(number, line_number);
        let Some(draft) = &mut self.current else { return Ok(()) };
        let taken = match line {
            Ok(line) => draft.take(line_number, line, &self.survey),
            Err(_) => draft.take_malformed(),
        };
        self.tally.lines += 1;
        match taken {
            Taken::Kept => Ok(()),
            Taken::Rejected(reason) => {
                self.reject(line_number, reason);
                Ok(())
            }
            Taken::UnknownProduct => Err(NotAsSurveyed),
        }
    }

    /// Decides what is left at the end of the file.
    pub(super) fn finish(&mut self) -> Result<(), NotAsSurveyed> {
        if let Some(last) = self.current.take() {
            last.decide(&self.survey, &mut self.past, &mut self.ready);
        }
        if self.waiting.is_empty() { Ok(()) } else { Err(NotAsSurveyed) }
    }

    /// Makes the invoice of the line that is being taken the current one, or none if it is beyond the limit. What was
    /// current before is decided, or waits if more of it is to come.
    fn turn_to(&mut self, number: &str, line_number: u64) {
        if self.current.as_ref().is_some_and(|draft| *draft.number == *number) {
            return;
        }
        if let Some(left) = self.current.take() {
            if self.survey.last_line_of_scattered(&left.number).is_some_and(|last| last > line_number) {
                self.waiting.insert(Arc::clone(&left.number), left);
            } else {
                left.decide(&self.survey, &mut self.past, &mut self.ready);
            }
        }
        self.current = self.waiting.remove(number);
        if self.current.is_none() && self.tally.invoices < self.limit {
            self.tally.invoices += 1;
            self.current = Some(Draft::new(number));
        }
        self.beyond_limit |= self.current.is_none();
    }

    fn reject(&mut self, line_number: u64, reason: Reason) {
        self.ready.push_back(Step::Reject(RejectedLine { line_number, reason }));
    }
}
