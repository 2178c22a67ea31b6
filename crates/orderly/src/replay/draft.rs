//! An invoice of which not all lines have been read.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::line::{InvoiceKind, Line};
use super::past_orders::{Basket, Customer, PastOrders, ReturnedLine};
use super::plan::{Cancellation, Invoice, OrderLine, Return, Step};
use super::rejects::{Reason, RejectedLine};
use super::survey::{ProductId, Survey};

#[derive(Debug)]
pub(super) struct Draft {
    pub(super) number: Arc<str>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Order(OrderDraft),
    Cancellation(CancellationDraft),
    Adjustment,
}

/// The order lines so far.
#[derive(Debug, Default)]
struct OrderDraft {
    customer: Customer,
    /// Product, unit price in pence, quantity.
    lines: Vec<(ProductId, i64, i64)>,
    line_of: HashMap<(ProductId, i64), usize>,
    merged_lines: u64,
}

/// The lines of a C invoice so far.
#[derive(Debug, Default)]
struct CancellationDraft {
    customer: Customer,
    lines: Vec<ReturnedLine>,
    /// Some of its lines are malformed: nobody knows exactly what it holds.
    incomplete: bool,
}

/// What became of a line.
#[derive(Debug)]
pub(super) enum Taken {
    /// It will be part of a step of its invoice.
    Kept,
    Rejected(Reason),
    /// An order line with a product that the survey of the file does not have.
    UnknownProduct,
}

impl Draft {
    pub(super) fn new(number: &str) -> Self {
        let content = match InvoiceKind::of(number) {
            InvoiceKind::Order => Content::Order(OrderDraft::default()),
            InvoiceKind::Cancellation => Content::Cancellation(CancellationDraft::default()),
            InvoiceKind::Adjustment => Content::Adjustment,
        };
        Self { number: Arc::from(number), content }
    }

    pub(super) fn take(&mut self, line_number: u64, line: &Line<'_>, survey: &Survey) -> Taken {
        match &mut self.content {
            Content::Order(order) => match line.orderable() {
                Err(reason) => Taken::Rejected(reason),
                Ok(unit_price_minor) => match survey.product(&line.code) {
                    None => Taken::UnknownProduct,
                    Some(product) => {
                        order.take(product, unit_price_minor, line);
                        Taken::Kept
                    }
                },
            },
            Content::Cancellation(cancellation) => {
                if cancellation.lines.is_empty() {
                    cancellation.customer = line.customer;
                }
                cancellation.lines.push(ReturnedLine {
                    line_number,
                    product: survey.product(&line.code),
                    quantity: -line.quantity,
                    unit_price_minor: line.unit_price_minor().ok(),
                });
                Taken::Kept
            }
            Content::Adjustment => Taken::Rejected(Reason::NotAnOrder),
        }
    }

    pub(super) fn take_malformed(&mut self) -> Taken {
        match &mut self.content {
            Content::Cancellation(cancellation) => cancellation.incomplete = true,
            Content::Order(_) | Content::Adjustment => {}
        }
        Taken::Rejected(Reason::Malformed)
    }

    /// Turns the invoice, now complete, into steps, and remembers it for those to come.
    pub(super) fn decide(self, survey: &Survey, past: &mut PastOrders, steps: &mut VecDeque<Step>) {
        match self.content {
            Content::Order(order) => steps.extend(order.decide(self.number, survey, past).map(Step::Place)),
            Content::Cancellation(cancellation) => cancellation.decide(self.number, survey, past, steps),
            Content::Adjustment => {}
        }
    }
}

impl OrderDraft {
    fn take(&mut self, product: ProductId, unit_price_minor: i64, line: &Line<'_>) {
        if self.lines.is_empty() {
            self.customer = line.customer;
        }
        let next = self.lines.len();
        let index = *self.line_of.entry((product, unit_price_minor)).or_insert(next);
        match self.lines.get_mut(index) {
            Some((.., quantity)) => {
                *quantity += line.quantity;
                self.merged_lines += 1;
            }
            None => self.lines.push((product, unit_price_minor, line.quantity)),
        }
    }

    /// The order to place; none if no line of the invoice is an order line.
    fn decide(self, number: Arc<str>, survey: &Survey, past: &mut PastOrders) -> Option<Invoice> {
        if self.lines.is_empty() {
            return None;
        }
        let lines = self.lines.iter().map(|&(product, unit_price_minor, quantity)| OrderLine {
            sku: survey.sku(product),
            quantity,
            unit_price_minor,
        });
        let lines = lines.collect();
        past.place(Arc::clone(&number), self.customer, Basket::of(self.lines));
        Some(Invoice { number, customer: self.customer, lines, merged_lines: self.merged_lines })
    }
}

impl CancellationDraft {
    /// One cancellation, or each line for itself.
    fn decide(self, number: Arc<str>, survey: &Survey, past: &mut PastOrders, steps: &mut VecDeque<Step>) {
        let cancelled = if self.incomplete { None } else { past.cancel(self.customer, &self.lines) };
        if let Some(of) = cancelled {
            let line_numbers = self.lines.iter().map(|line| line.line_number).collect();
            steps.push_back(Step::Cancel(Cancellation { number, of, line_numbers }));
        } else {
            steps.extend(self.lines.iter().map(|line| {
                let &ReturnedLine { line_number, quantity, .. } = line;
                match past.take_back(self.customer, line) {
                    Ok((of, product)) => {
                        let (number, sku) = (Arc::clone(&number), survey.sku(product));
                        Step::TakeBack(Return { number, line_number, of, sku, quantity })
                    }
                    Err(reason) => Step::Reject(RejectedLine { line_number, reason }),
                }
            }));
        }
    }
}
