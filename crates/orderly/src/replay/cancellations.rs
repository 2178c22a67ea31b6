//! Matches C invoices to the orders that went before them.

use std::collections::HashMap;
use std::sync::Arc;

use super::rejects::Reason;
use super::survey::ProductId;

/// The customer of an order; nobody is the walk-in customer, who is a customer like any other.
pub(super) type Customer = Option<i64>;

/// The orders so far, as far as a later C invoice may ask for them.
#[derive(Debug, Default)]
pub(super) struct PastOrders {
    /// Orders that no C invoice has taken back, oldest first, under everything they hold.
    standing: HashMap<(Customer, Basket), Vec<Arc<str>>>,
    /// The most of a product that any one order of a customer holds.
    most: HashMap<(Customer, ProductId), i64>,
}

/// What an order holds: product, unit price in pence and quantity, each product and price once, in order.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Basket(Box<[(ProductId, i64, i64)]>);

impl Basket {
    /// Merges lines of equal product and price.
    pub(super) fn of(mut lines: Vec<(ProductId, i64, i64)>) -> Self {
        lines.sort_unstable();
        lines.dedup_by(|(product, price, quantity), (kept, kept_price, kept_quantity)| {
            let same = product == kept && price == kept_price;
            if same {
                *kept_quantity += *quantity;
            }
            same
        });
        Self(lines.into_boxed_slice())
    }
}

/// A line of a C invoice.
#[derive(Debug)]
pub(super) struct ReturnedLine {
    pub(super) line_number: u64,
    /// `None` if no order of the file holds such a code.
    pub(super) product: Option<ProductId>,
    /// How many came back; on a proper C line greater than 0.
    pub(super) quantity: i64,
    /// `None` if the price is none that an order can have.
    pub(super) unit_price_minor: Option<i64>,
}

impl PastOrders {
    pub(super) fn place(&mut self, number: Arc<str>, customer: Customer, basket: Basket) {
        // A product that stands in a basket at two prices stands there in a row.
        for lines in basket.0.chunk_by(|(product, ..), (next, ..)| product == next) {
            if let Some((product, ..)) = lines.first() {
                let held: i64 = lines.iter().map(|(.., quantity)| quantity).sum();
                let most = self.most.entry((customer, *product)).or_default();
                *most = held.max(*most);
            }
        }
        self.standing.entry((customer, basket)).or_default().push(number);
    }

    /// Takes back the customer's newest standing order that holds exactly these lines, and tells its number.
    pub(super) fn cancel(&mut self, customer: Customer, lines: &[ReturnedLine]) -> Option<Arc<str>> {
        let lines: Option<Vec<_>> = lines
            .iter()
            .map(|line| (line.quantity > 0).then_some((line.product?, line.unit_price_minor?, line.quantity)))
            .collect();
        self.standing.get_mut(&(customer, Basket::of(lines?)))?.pop()
    }

    /// Why a line whose invoice cancels no order as a whole is rejected.
    pub(super) fn reason_against(&self, customer: Customer, line: &ReturnedLine) -> Reason {
        let most = line.product.and_then(|product| self.most.get(&(customer, product)));
        if line.quantity > 0 && most.is_some_and(|&most| most >= line.quantity) {
            Reason::ReturnNotSupportedYet
        } else {
            Reason::MatchesNoOrder
        }
    }
}
