//! Returns whose order is still on its way: nothing can come back before it was delivered. They wait beside the plan, so
//! that other orders go on.

use std::collections::{HashMap, VecDeque};

use orderly_contracts::OrderId;
use orderly_orders::domain::OrderStatus;

use super::plan::Return;

/// Returns that are asked about together.
const ASKED_AT_ONCE_MAX: usize = 128;
/// Returns that wait at once; while there are so many, no step of the plan is begun. What they wait for goes on.
const WAITING_MAX: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// In the order in which they are asked about.
    returns: VecDeque<Return>,
    /// Their orders are delivered.
    ready: VecDeque<(OrderId, Return)>,
}

/// Orders at their end, by the numbers of their invoices.
pub(super) type EndedOrders = HashMap<String, (OrderId, OrderStatus)>;

impl Waiting {
    pub(super) fn push(&mut self, part: Return) {
        self.returns.push_back(part);
    }

    pub(super) fn is_full(&self) -> bool {
        self.returns.len() >= WAITING_MAX
    }

    pub(super) fn is_empty(&self) -> bool {
        self.returns.is_empty() && self.ready.is_empty()
    }

    /// One that can be made.
    pub(super) fn next_ready(&mut self) -> Option<(OrderId, Return)> {
        self.ready.pop_front()
    }

    /// The invoices of the orders that are to be asked about next, each once.
    pub(super) fn invoices(&self) -> Vec<&str> {
        let mut invoices: Vec<_> = self.returns.iter().take(ASKED_AT_ONCE_MAX).map(|part| part.of.as_ref()).collect();
        invoices.sort_unstable();
        invoices.dedup();
        invoices
    }

    /// Hears which of the orders that were asked about have ended. Returns of those that were not delivered are given up,
    /// and the others asked about again later; if nothing is `under_way` any more, their orders need a person, and they are
    /// given up too.
    pub(super) fn hear(&mut self, ended: &EndedOrders, under_way: bool) {
        for _ in 0..self.returns.len().min(ASKED_AT_ONCE_MAX) {
            let Some(part) = self.returns.pop_front() else { return };
            match ended.get(part.of.as_ref()) {
                Some((order, OrderStatus::Delivered)) => self.ready.push_back((*order, part)),
                Some(_) => {}
                None if under_way => self.returns.push_back(part),
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(of: &str, line_number: u64) -> Return {
        Return { number: "C9".into(), line_number, of: of.into(), sku: "22423".into(), quantity: 1 }
    }

    fn ended(orders: &[(&str, i64, OrderStatus)]) -> EndedOrders {
        orders.iter().map(|&(invoice, order, status)| (invoice.to_owned(), (OrderId(order), status))).collect()
    }

    #[test]
    fn a_return_is_ready_once_its_order_is_delivered_and_given_up_when_it_never_will_be() {
        let mut waiting = Waiting::default();
        [part("1", 2), part("2", 3), part("3", 4), part("1", 5)].into_iter().for_each(|part| waiting.push(part));
        assert_eq!(waiting.invoices(), ["1", "2", "3"]);
        waiting.hear(&ended(&[("1", 11, OrderStatus::Delivered), ("2", 12, OrderStatus::Expired)]), true);
        assert_eq!(waiting.next_ready(), Some((OrderId(11), part("1", 2))));
        assert_eq!(waiting.next_ready(), Some((OrderId(11), part("1", 5))));
        assert_eq!(waiting.next_ready(), None);
        assert_eq!(waiting.invoices(), ["3"], "it is asked about again");
        waiting.hear(&ended(&[]), false);
        assert!(waiting.is_empty(), "only a person goes on with its order");
    }

    #[test]
    fn each_is_asked_about_in_its_turn_and_so_many_at_once() {
        let mut waiting = Waiting::default();
        for invoice in 0..ASKED_AT_ONCE_MAX + 1 {
            waiting.push(part(&invoice.to_string(), 2));
        }
        assert_eq!(waiting.invoices().len(), ASKED_AT_ONCE_MAX);
        waiting.hear(&ended(&[]), true);
        assert_eq!(waiting.returns.front(), Some(&part(&ASKED_AT_ONCE_MAX.to_string(), 2)));
        assert!(!waiting.is_full());
        (0..WAITING_MAX).for_each(|line| waiting.push(part("1", line as u64)));
        assert!(waiting.is_full());
    }
}
